# SPDX-License-Identifier: Apache-2.0
"""Who may use the API over TCP, for what, how often, and is it encrypted where it must be?"""
import contextlib
import http.client
import json
import socket
import ssl
import subprocess
import time
import unittest

import support

HOST, PORT = "127.0.0.1", 18443
LISTEN = f'[api]\nlisten = "{HOST}:{PORT}"\n'
ACCOUNTS = "/api/v1/accounts"
SECRET_LETTERS = 43  # of the text, behind "npt_<name>_"
PER_SECOND = BURST = 5
REQUESTS = 60
REFUSED_START_SECONDS = 10
AGAIN_SECONDS = 15
SQUATTER_UID = 4001


def bearer(token):
    return {} if token is None else {"Authorization": f"Bearer {token}"}


class TokenCase(support.AgentCase):
    config = LISTEN

    def connection(self):
        return http.client.HTTPConnection(HOST, PORT, timeout=support.HTTP_SECONDS * support.TIME_SCALE)

    def send(self, token, method, path, body=None):
        with contextlib.closing(self.connection()) as connection:
            connection.request(method, path, None if body is None else json.dumps(body), bearer(token))
            return support.Answer(connection.getresponse())

    def status(self, token, method, path, body=None):
        return self.send(token, method, path, body).status

    def token(self, name, scope):
        self.addCleanup(self.agent.request, "DELETE", f"/api/v1/tokens/{name}")
        return self.agent.ask("POST", "/api/v1/tokens", {"name": name, "scope": scope})["token"]

    def names(self):
        return [account["name"] for account in self.agent.ask("GET", ACCOUNTS)["accounts"]]


class ScopeCase(TokenCase):
    def test_nobody_without_a_token_may_do_anything_but_ask_for_health(self):
        good = self.token("panel", "write")
        wrong = good[:-1] + ("A" if good[-1] != "A" else "B")
        for token in (None, "", wrong, good + "A", good.swapcase()):  # not many: strangers are slowed down
            with self.subTest(token=token and token[:12]):
                answer = self.send(token, "GET", ACCOUNTS)
                self.assertEqual(answer.status, 401)
                self.assertTrue(answer.headers["WWW-Authenticate"].startswith("Bearer"))
                self.assertEqual(answer.headers["Content-Type"], "application/problem+json")
        self.assertEqual(self.status(wrong, "POST", ACCOUNTS, {"name": "bob"}), 401)
        self.assertEqual(self.status(None, "GET", "/healthz"), 200)
        self.assertEqual(self.status(None, "GET", "/metrics"), 401)
        self.assertEqual(self.names(), [])
        self.assertEqual(self.status(good, "GET", ACCOUNTS), 200)

    def test_read_token_may_look_and_write_token_may_change(self):
        read, write = self.token("watcher", "read"), self.token("panel", "write")
        self.addCleanup(self.agent.request, "DELETE", f"{ACCOUNTS}/bob")
        for path in (ACCOUNTS, "/api/v1/status", "/metrics", "/api/v1/features"):
            self.assertEqual([self.status(token, "GET", path) for token in (read, write)], [200, 200], path)
        self.assertEqual(self.status(read, "POST", ACCOUNTS, {"name": "bob"}), 403)
        self.assertEqual(self.names(), [])
        self.assertEqual(self.status(write, "POST", ACCOUNTS, {"name": "bob"}), 201)
        self.assertEqual(self.status(read, "PATCH", f"{ACCOUNTS}/bob", {"limits": {"pids_max": 50}}), 403)
        self.assertEqual(self.status(read, "DELETE", f"{ACCOUNTS}/bob"), 403)
        self.assertEqual(self.status(write, "PATCH", f"{ACCOUNTS}/bob", {"limits": {"pids_max": 50}}), 200)
        self.assertEqual(support.Account(self.agent, "bob").read("pids.max"), "50")

    def test_no_token_makes_tokens(self):
        write = self.token("panel", "write")
        for method, path, body in (("GET", "/api/v1/tokens", None), ("POST", "/api/v1/tokens", {"name": "more", "scope": "write"}),
                                   ("POST", "/api/v1/tokens/panel/rotate", None), ("DELETE", "/api/v1/tokens/panel", None)):
            self.assertEqual(self.status(write, method, path, body), 403, path)
        self.assertEqual([token["name"] for token in self.agent.ask("GET", "/api/v1/tokens")["tokens"]], ["panel"])

    def test_rotated_and_revoked_tokens_end_at_once(self):
        old = self.token("panel", "read")
        new = self.agent.ask("POST", "/api/v1/tokens/panel/rotate")["token"]
        self.assertEqual([self.status(token, "GET", ACCOUNTS) for token in (old, new)], [401, 200])
        self.agent.ask("DELETE", "/api/v1/tokens/panel")
        self.assertEqual(self.status(new, "GET", ACCOUNTS), 401)
        self.assertNotEqual(self.token("panel", "read"), old)
        self.assertEqual(self.status(new, "GET", ACCOUNTS), 401)

    def test_token_outlives_a_restart(self):
        token = self.token("panel", "read")
        self.agent.end()
        self.agent.start()
        self.assertEqual(self.status(token, "GET", ACCOUNTS), 200)

    def test_text_of_a_token_is_kept_nowhere(self):
        texts = [self.token("panel", "write"), self.agent.ask("POST", "/api/v1/tokens/panel/rotate")["token"]]
        self.assertEqual(self.status(texts[1], "GET", ACCOUNTS), 200)
        self.assertEqual(self.status(texts[0], "POST", ACCOUNTS, {"name": texts[0]}), 401)
        self.assertEqual(self.status(texts[1], "POST", ACCOUNTS, {"name": texts[1]}), 400)  # a refusal quotes what was sent
        self.agent.enable("audit_logs_v2")
        time.sleep(2)  # refusals are written with the next second's batch
        seen = {"the audit trail": self.agent.request("GET", "/api/v1/audit?limit=1000").body,
                "the tokens": self.agent.request("GET", "/api/v1/tokens").body,
                "npanelctl": subprocess.run(["npanelctl", "--socket", self.agent.socket, "token", "list", "--json"],
                                            check=True, capture_output=True).stdout}
        seen |= {str(path): path.read_bytes() for path in self.agent.directory.rglob("*") if path.is_file()}
        self.assertIn(str(self.agent.directory / "npanel.db"), seen)
        for text in texts:
            self.assertTrue(text.startswith("npt_panel_"))
            secret = text[-SECRET_LETTERS:].encode()
            self.assertEqual([place for place, content in seen.items() if secret in content], [])


class HastyCase(TokenCase):
    """Few requests a second, so nothing else is done here."""
    features = ()
    config = f"{LISTEN}requests_per_second = {PER_SECOND}\nburst = {BURST}\n"

    def test_hasty_client_is_told_when_to_come_again_and_others_are_served(self):
        token = self.token("panel", "read")
        other = self.token("watcher", "read")
        began = time.monotonic()
        answers = [self.send(token, "GET", ACCOUNTS) for _ in range(REQUESTS)]
        seconds = time.monotonic() - began
        passed = [answer for answer in answers if answer.status == 200]
        refused = [answer for answer in answers if answer.status == 429]
        support.info(f"{len(passed)} of {REQUESTS} requests passed in {seconds:.1f} s")
        self.assertEqual(len(passed) + len(refused), REQUESTS)
        self.assertTrue(BURST <= len(passed) <= BURST + PER_SECOND * seconds + 1)
        self.assertTrue(refused, "emulation is too slow for this")
        pause = int(refused[-1].headers["Retry-After"])
        self.assert_between(1, pause, BURST, "seconds to wait")
        self.assertEqual(self.status(other, "GET", ACCOUNTS), 200)
        time.sleep(pause)
        self.assertEqual(self.status(token, "GET", ACCOUNTS), 200)

    def test_strangers_are_slowed_down_and_owners_of_tokens_are_not(self):
        token = self.token("owner", "read")
        wrong = {self.status(f"npt_owner_{number}", "GET", ACCOUNTS) for number in range(REQUESTS)}
        self.assertEqual(wrong, {401, 429})
        self.assertEqual(self.status(token, "GET", ACCOUNTS), 200)


class TlsCase(TokenCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.certificate, key = (cls.agent.directory / name for name in ("cert.pem", "key.pem"))
        subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2",
                        "-keyout", key, "-out", cls.certificate, "-subj", f"/CN={HOST}", "-addext", f"subjectAltName=IP:{HOST}"],
                       check=True, capture_output=True)
        with cls.agent.config_path.open("a") as config:
            config.write(f'tls_certificate = "{cls.certificate}"\ntls_key = "{key}"\n')

    def connection(self):
        return http.client.HTTPSConnection(HOST, PORT, timeout=support.HTTP_SECONDS * support.TIME_SCALE,
                                           context=ssl.create_default_context(cafile=self.certificate))

    def test_token_is_taken_over_tls_only(self):
        token = self.token("panel", "read")
        self.assertEqual([self.status(one, "GET", ACCOUNTS) for one in (token, None)], [200, 401])
        plain = super().connection()
        with contextlib.closing(plain), self.assertRaises((OSError, http.client.HTTPException)):
            plain.request("GET", ACCOUNTS, headers=bearer(token))
            plain.getresponse()
        self.assertEqual(self.status(token, "GET", ACCOUNTS), 200)

    def test_clients_that_speak_no_tls_keep_nobody_waiting(self):
        token = self.token("panel", "read")
        with contextlib.ExitStack() as stack:
            for _ in range(20):
                silent = stack.enter_context(contextlib.closing(super().connection()))
                silent.connect()
            self.assertEqual(self.status(token, "GET", ACCOUNTS), 200)
        self.assertTrue(self.agent.runs())


class StartCase(unittest.TestCase):
    def refused_start(self, listen):
        """What the agent says when it does not start."""
        agent = support.Agent(f"[api]\n{listen}\n")
        self.addCleanup(agent.clean_up)
        ran = subprocess.run(["npanel-agent", "--config", agent.config_path], stdin=subprocess.DEVNULL, capture_output=True, text=True,
                             timeout=REFUSED_START_SECONDS * support.TIME_SCALE)
        self.assertGreater(ran.returncode, 0)
        return ran.stderr

    def test_other_addresses_than_the_loopback_need_tls(self):
        for address in (f"0.0.0.0:{PORT}", f"[::]:{PORT}", f"192.0.2.1:{PORT}"):
            said = self.refused_start(f'listen = "{address}"')
            self.assertIn("api.listen", said)
            self.assertIn("api.tls_certificate", said)

    def test_tls_without_its_key_is_refused(self):
        self.assertIn("api.tls_key", self.refused_start(f'listen = "{HOST}:{PORT}"\ntls_certificate = "/nonexistent"'))

    def started(self, listen):
        agent = support.Agent(f"[api]\n{listen}\n")
        self.addCleanup(agent.clean_up)
        agent.start()
        return agent

    def why_not(self, agent):
        return [reason for reason in agent.ask("GET", "/healthz")["reasons"] if "not open over TCP" in reason]

    def tcp_metric(self, agent):
        return "\nnpanel_api_tcp_open 1\n" in agent.request("GET", "/metrics").body.decode()

    def test_a_certificate_that_cannot_be_read_ends_nothing(self):
        agent = self.started(f'listen = "{HOST}:{PORT}"\ntls_certificate = "/nonexistent"\ntls_key = "/nonexistent"')
        self.assertIn("/nonexistent", self.why_not(agent)[0])
        self.assertFalse(self.tcp_metric(agent))

    def test_a_port_that_a_customer_has_taken_ends_nothing_and_is_opened_when_it_is_free(self):
        squatter = support.Worker(squat, uid=SQUATTER_UID).begin()
        self.addCleanup(squatter.kill)
        squatter.hear()
        agent = self.started(f'listen = "{HOST}:{PORT}"')
        self.assertIn("Address already in use", self.why_not(agent)[0])
        self.assertFalse(self.tcp_metric(agent))
        squatter.kill()
        support.wait_until(lambda: self.tcp_metric(agent), AGAIN_SECONDS, "the API is open over TCP")
        self.assertEqual(self.why_not(agent), [])
        with contextlib.closing(http.client.HTTPConnection(HOST, PORT, timeout=support.HTTP_SECONDS)) as connection:
            connection.request("GET", "/healthz")
            self.assertIn("any user can listen", connection.getresponse().read().decode())


def squat(pipe):
    listener = socket.create_server((HOST, PORT))
    pipe.send("listens")
    pipe.recv()
    listener.close()
