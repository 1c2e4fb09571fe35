# SPDX-License-Identifier: Apache-2.0
"""Mail that no account owns: is it neither free nor charged to somebody else?"""
import shutil
import socket
import struct
import subprocess

import mail_case
import smtp_case
import support

BOB_UID, ANN_UID, WWW_UID = 4001, 4002, 33
MOST = 3  # an hour
TRIES = 12
OURS, NOT_OURS = "192.0.2.77", "192.0.2.78"
RELAY = "198.51.100.7"
EVENT_SECONDS = 5
# Each kind of mail of this host that nobody owns, always in ann's name, and what the administrator is told.
KINDS = {
    "login": ({"sasl_username": "warehouse-scanner", "client_address": "203.0.113.9"}, "mail.users_map"),
    "process": ({"uid": WWW_UID}, "smtp.exempt_users"),
    "unknown": ({"client_address": "127.0.0.1", "client_port": 1, "server_address": "127.0.0.1", "server_port": 25}, "send it with a login"),
    "relay": ({"client_address": RELAY, "sender": "x@other.example"}, "mail.domains_map"),
}


def send_and_go(pipe, how):
    """Connects, writes a whole message and is gone: closed, or reset. Tells the port it had."""
    client = socket.create_connection(("127.0.0.1", 25))
    port = client.getsockname()[1]
    if how == "reset":
        client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    client.sendall(b"MAIL FROM:<x@ann.example>\r\n")
    client.close()
    pipe.send(port)


class UnattributedCase(support.AgentCase):
    config = (f'[mail]\ndomains_map = "{{directory}}/domains"\nrelays = ["{RELAY}"]\n'
              f"[mail.unattributed]\nmessages_per_hour = {MOST}\n")

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.map = cls.agent.directory / "domains"
        cls.agent.config_path.write_text(cls.agent.config_path.read_text().replace("{directory}", str(cls.agent.directory)))
        cls.server = smtp_case.listen(25)
        cls.addClassCleanup(cls.server.close)

    def setUp(self):
        """Nothing has been sent yet."""
        self.map.write_text("bob.example: bob\nann.example: ann\n")
        self.start_afresh()
        self.account("bob", uid=BOB_UID, smtp=mail_case.ANY_RATE)
        self.account("ann", uid=ANN_UID)

    def start_afresh(self):
        if self.agent.runs():
            self.agent.end()
        support.remove_cgroup(self.agent.cgroup)
        shutil.rmtree(self.agent.pins, ignore_errors=True)
        self.start()

    def start(self):
        self.agent.start()
        self.policy = mail_case.Policy(self.agent.policy)
        self.addCleanup(self.policy.close)

    def answers(self, tries, **attributes):
        return [self.policy.ask(**({"sender": "x@ann.example"} | attributes)) for _ in range(tries)]

    def accepted(self, tries, **attributes):
        return self.answers(tries, **attributes).count("DUNNO")

    def sent(self, account):
        return self.agent.ask("GET", f"/api/v1/accounts/{account}/mail")["sent"]["messages_per_day"]

    def unattributed(self):
        return self.agent.ask("GET", "/api/v1/mail/unattributed")

    def assert_nobody_else_paid(self):
        self.assertEqual((self.sent("bob"), self.sent("ann")), (0, 0))

    def test_three_of_twelve_are_accepted_whatever_kind_they_are(self):
        for kind, (attributes, remedy) in KINDS.items():
            with self.subTest(kind=kind):
                self.start_afresh()
                answers = self.answers(TRIES, **attributes)
                self.assertEqual(answers.count("DUNNO"), MOST)
                self.assertRegex(answers[-1], r"^452 4\.7\.1 Try again later: mail of no account has a limit of 3 messages an hour, which is "
                                              r"used up; it is free again in (60|61|62) minutes; to the administrator: ")
                self.assertIn(remedy, answers[-1])
                self.assertEqual(self.unattributed()["messages"][kind]["deferred"], TRIES - MOST)

    def test_all_kinds_draw_on_one_allowance_and_nobody_else_pays(self):
        accepted = sum(self.accepted(3, **attributes) for attributes, _ in KINDS.values())
        self.assertEqual(accepted, MOST)
        self.assertEqual(self.unattributed()["sent"]["messages_per_hour"], MOST)
        self.assert_nobody_else_paid()
        self.assertEqual(self.accepted(3, sasl_username="bob"), 3)

    def test_observing_counts_and_enforcing_goes_on_from_there(self):
        self.addCleanup(self.agent.change_feature, "email_rate_limiting", mode="enforce", rollout=100)
        self.agent.change_feature("email_rate_limiting", mode="observe")
        login, _ = KINDS["login"]
        self.assertEqual(self.accepted(TRIES, **login), TRIES)
        self.assertEqual(self.unattributed()["would_have_deferred"], TRIES - MOST)
        self.wait_for_event("mail_unattributed_would_defer")
        self.agent.change_feature("email_rate_limiting", mode="enforce", rollout=99)
        self.assertEqual(self.accepted(1, **login), 1)  # not yet for all
        self.agent.change_feature("email_rate_limiting", rollout=100)
        self.assertEqual(self.accepted(TRIES, **login), 0)
        self.assert_nobody_else_paid()

    def test_systems_own_mail_and_mail_from_elsewhere_pass(self):
        self.assertEqual(self.accepted(TRIES, uid=0), TRIES)
        self.assertEqual(self.accepted(TRIES, client_address="203.0.113.9"), TRIES)
        self.assertEqual(self.unattributed()["sent"]["messages_per_hour"], 0)
        self.assertEqual([self.unattributed()["messages"][kind]["passed"] for kind in ("system", "outside")], [TRIES, TRIES])
        self.assert_nobody_else_paid()

    def test_public_address_of_this_host_is_this_host(self):
        subprocess.run(["ip", "address", "add", f"{OURS}/32", "dev", "lo"], check=True)
        self.addCleanup(subprocess.run, ["ip", "address", "del", f"{OURS}/32", "dev", "lo"], check=True)
        connection = {"client_port": 1, "server_address": OURS, "server_port": 25}
        self.assertEqual(self.accepted(TRIES, client_address=OURS, **connection), MOST)
        self.assertEqual(self.accepted(TRIES, client_address=f"::ffff:{OURS}", **connection), 0)
        self.assertEqual(self.accepted(TRIES, client_address=NOT_OURS, **connection), TRIES)

    def test_who_is_gone_before_the_question_is_never_the_neighbour(self):
        """Bob's own, or nobody's: but not that of the domain that bob writes."""
        for how in ("close", "reset"):
            with self.subTest(how=how):
                before = self.sent("bob") + self.unattributed()["sent"]["messages_per_day"]
                port = self.run_outside(send_and_go, how, uid=BOB_UID).hear()
                direct = 1  # the connection itself
                self.answers(1, client_address="127.0.0.1", client_port=port, server_address="127.0.0.1", server_port=25)
                after = self.sent("bob") + self.unattributed()["sent"]["messages_per_day"]
                self.assertEqual((after - before, self.sent("ann")), (direct + 1, 0))

    def test_administrator_is_told_who_it_is_and_what_to_do(self):
        login, remedy = KINDS["login"]
        self.answers(TRIES, script="1001:mail.php", **login)
        event = self.wait_for_event("mail_unattributed_deferred")
        self.assertEqual((event["reason"], event["login"], event["client"], event["sender"], event["limit"]),
                         ("login", "warehouse-scanner", "203.0.113.9", "x@ann.example", "messages_per_hour"))
        health = self.agent.request("GET", "/healthz").json()
        self.assertTrue(any("npanelctl mail unattributed" in reason for reason in health["reasons"]), health)
        sender = self.unattributed()["senders"][0]
        self.assertEqual((sender["login"], sender["messages"], sender["deferred"]), ("warehouse-scanner", MOST, TRIES - MOST))
        shown = self.agent.ctl("mail", "unattributed")
        for text in ("warehouse-scanner", remedy, "3 of 3"):
            self.assertIn(text, shown)
        metrics = self.agent.request("GET", "/metrics").body.decode()
        for line in ('npanel_mail_unattributed_total{reason="login",answer="deferred"} 9',
                     'npanel_mail_unattributed_current{limit="messages_per_hour"} 3',
                     'npanel_mail_unattributed_configured{limit="messages_per_hour"} 3'):
            self.assertIn(line, metrics)
        self.map.write_text("warehouse.example: bob\n")  # what the administrator does about another login
        support.wait_until(lambda: self.policy.ask(sasl_username="scanner@warehouse.example") == "DUNNO", EVENT_SECONDS, "it is bob's")
        self.assertGreater(self.sent("bob"), 0)

    def test_restart_forgets_nothing(self):
        login, _ = KINDS["login"]
        self.assertEqual(self.accepted(2, **login), 2)
        self.agent.end()
        self.start()
        self.assertEqual(self.accepted(TRIES, **login), 1)

    def test_map_that_is_missing_at_start_is_read_when_it_comes(self):
        self.agent.end()
        self.map.unlink()
        self.start()
        self.assertEqual(self.accepted(1, sasl_username="info@bob.example"), 1)
        self.assertEqual(self.unattributed()["sent"]["messages_per_hour"], 1)
        self.map.write_text("bob.example: bob\n")
        support.wait_until(lambda: self.policy.ask(sasl_username="info+BOB.example") and self.sent("bob") > 0, EVENT_SECONDS, "the map is read")

    def test_old_key_is_refused_and_says_what_replaces_it(self):
        drop_in = self.agent.config_path.with_suffix(".d") / "50-old.toml"
        drop_in.parent.mkdir(exist_ok=True)
        self.addCleanup(drop_in.unlink)
        drop_in.write_text('[mail]\naccount_by = ["sasl", "uid", "sender"]\n')
        checked = subprocess.run(["npanel-agent", "--config", str(self.agent.config_path), "--check-config"],
                                 capture_output=True, text=True, check=False)
        self.assertNotEqual(checked.returncode, 0)
        self.assertIn("mail.relays", checked.stdout + checked.stderr)

    def wait_for_event(self, kind):
        def newest():
            events = [event for event in self.agent.ask("GET", "/api/v1/events")["events"] if event["kind"] == kind]
            return events[0]["detail"] if events else None
        return support.wait_until(newest, EVENT_SECONDS, f"{kind} is told")
