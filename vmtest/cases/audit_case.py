# SPDX-License-Identifier: Apache-2.0
"""Is every change in the audit trail, is every change of the trail noticed, and does it survive the agent's death?"""
import contextlib
import csv
import datetime
import http.client
import io
import json
import os
import random
import shutil
import signal
import sqlite3
import subprocess
import tempfile
import threading
import time

import installed
import support

FEATURES = (*support.LIMITING, "audit_logs_v2", "graceful_reloads", "progress_tracking")
ROOT = "uid 0 (root)"
REFUSED = 1  # npanelctl's exit code
PACE = "reconcile.accounts_per_second"
NOTED_SECONDS = 2  # refusals are written with the next second's batch
KILLS = installed.count("NPANEL_AUDIT_KILLS", 3)
SEED = installed.count("NPANEL_SEED", 20261122)
WRITERS = 3
ROWS = 20
PAGE = 1000


class AuditCase(support.AgentCase):
    features = FEATURES

    def entries(self, **query):
        words = "&".join(f"{key}={value}" for key, value in ({"limit": PAGE} | query).items())
        return self.agent.ask("GET", f"/api/v1/audit?{words}")["entries"]

    def all_entries(self):
        found, page = [], self.entries()
        while page:
            found += page
            page = self.entries(below=page[-1]["id"])
        return found

    def change(self, method, path, body=None):
        """Makes a change under an id of its own, and finds its entry, whether it was refused or not."""
        request_id = f"vmtest-{time.monotonic_ns()}"
        answer = self.agent.request(method, path, body, {"X-Request-Id": request_id})
        def find():
            return next((entry for entry in self.entries(limit=50) if entry["request_id"] == request_id), None)
        entry = support.wait_until(find, NOTED_SECONDS, f"an entry of {method} {path}")
        self.assertEqual((entry["actor"], entry["source"]), (ROOT, "api"))
        self.assertGreater(entry["duration_us"], 0)
        return answer, entry

    def assert_noted(self, action, method, path, body=None, **expected):
        """Returns what it was before and after."""
        answer, entry = self.change(method, path, body)
        self.assertLess(answer.status, 300, answer.body)
        expected = {"action": action, "result": "ok", "account": None} | expected
        self.assertEqual({key: entry[key] for key in expected}, expected)
        return entry["before"], entry["after"]

    def ctl(self, *arguments, expected=0):
        ran = subprocess.run(["npanelctl", "--socket", self.agent.socket, *arguments], stdin=subprocess.DEVNULL,
                             capture_output=True, text=True, timeout=support.HTTP_SECONDS * support.TIME_SCALE)
        self.assertEqual(ran.returncode, expected, f"{' '.join(arguments)}: {ran.stdout}{ran.stderr}")
        return ran.stdout + ran.stderr

    def verify(self, database, expected=0):
        return self.ctl("audit", "verify", "--database", str(database), expected=expected)

    @property
    def database(self):
        return self.agent.directory / "npanel.db"


class TrailCase(AuditCase):
    def test_every_change_of_an_account_is_an_entry(self):
        bob, url = {"account": "bob"}, "/api/v1/accounts/bob"
        before, after = self.assert_noted("account.create", "POST", "/api/v1/accounts",
                                          {"name": "bob", "uid": None, "limits": support.NO_LIMITS | {"pids_max": 100}}, **bob)
        self.addCleanup(self.agent.request, "DELETE", url)
        self.assertEqual((before, after["limits"]["pids_max"]), (None, 100))
        before, after = self.assert_noted("account.change", "PATCH", url, {"limits": {"pids_max": 50}}, **bob)
        self.assertEqual((before["pids_max"], after["pids_max"]), (100, 50))
        before, after = self.assert_noted("account.smtp", "POST", f"{url}/smtp", {"per_minute": 7}, **bob)
        self.assertEqual(after["per_minute"], 7)
        self.assertNotEqual(before, after)
        before, after = self.assert_noted("account.suspend", "POST", f"{url}/suspend", **bob)
        self.assertEqual((before["state"], after["state"]), ("active", "suspended"))
        before, after = self.assert_noted("account.resume", "POST", f"{url}/resume", **bob)
        self.assertEqual((before["state"], after["state"]), ("suspended", "active"))
        worker = self.run_outside(support.rest)
        self.assert_noted("account.add_process", "POST", f"{url}/processes", {"pid": worker.pid}, **bob)
        self.assert_noted("account.drain", "POST", f"{url}/drain", {"grace_seconds": 1}, **bob)
        worker.exit_code()
        before, after = self.assert_noted("account.delete", "DELETE", url, **bob)
        self.assertEqual((before["limits"]["pids_max"], after), (50, None))

    def test_every_change_of_the_agent_is_an_entry(self):
        feature = "/api/v1/features/email_rate_limiting"
        self.account()
        before, after = self.assert_noted("feature.change", "PATCH", feature, {"mode": "observe"}, target="email_rate_limiting")
        self.assertEqual((before["mode"], after["mode"]), ("enforce", "observe"))
        self.assert_noted("feature.change", "PATCH", feature, {"mode": "enforce"}, target="email_rate_limiting")
        before, after = self.assert_noted("feature.override", "POST", f"{feature}/overrides", {"account": "bob", "enabled": False},
                                          target="email_rate_limiting", account="bob")
        self.assertNotEqual(before, after)
        for action, method, path, body in (
                ("token.create", "POST", "/api/v1/tokens", {"name": "panel", "scope": "read"}),
                ("token.rotate", "POST", "/api/v1/tokens/panel/rotate", None),
                ("token.revoke", "DELETE", "/api/v1/tokens/panel", None)):
            self.assert_noted(action, method, path, body, target="panel")
        for action in ("apply", "backup"):
            self.assert_noted(action, "POST", f"/api/v1/{action}")
        self.configure(31)
        before, after = self.assert_noted("config.reload", "POST", "/api/v1/reload")
        self.assertEqual(after["changed"], [PACE])

    def test_change_by_npanelctl_says_so(self):
        self.account(pids_max=100)
        self.ctl("account", "set", "bob", "--pids", "50")
        entry = self.entries(account="bob", limit=1)[0]
        self.assertEqual((entry["actor"], entry["source"], entry["action"]), (ROOT, "cli", "account.change"))

    def test_what_the_agent_does_by_itself_is_an_entry(self):
        self.configure(32)
        os.kill(self.agent.pid, signal.SIGHUP)
        entry = support.wait_until(lambda: self.entries(action="config.reload", actor="signal%20SIGHUP"), 5, "an entry of the reload")[0]
        self.assertEqual((entry["source"], entry["result"], entry["after"]["changed"]), ("agent", "ok", [PACE]))

    def configure(self, pace):
        section, _, key = PACE.partition(".")
        drop_ins = self.agent.directory / "agent.d"
        drop_ins.mkdir(exist_ok=True)
        (drop_ins / "10-pace.toml").write_text(f"[{section}]\n{key} = {pace}\n")

    def test_refused_change_is_an_entry_with_its_reason(self):
        bob = self.account(pids_max=100)
        for method, path, body, action, status, reason in (
                ("PATCH", bob.url, {"limits": {"pids_max": 3}}, "account.change", 400, "limits.pids_max must be"),
                ("POST", f"{bob.url}/smtp", {"burst": 0}, "account.smtp", 400, "smtp.burst must be"),
                ("POST", f"{bob.url}/processes", {"pid": 2}, "account.add_process", 422, "pid"),
                ("POST", "/api/v1/accounts", {"name": "bob"}, "account.create", 409, "bob"),
                ("PATCH", "/api/v1/features/soak_testing", {"enabled": True}, "feature.change", 400, "enabled")):
            with self.subTest(request=f"{method} {path}"):
                answer, entry = self.change(method, path, body)
                self.assertEqual((answer.status, entry["action"]), (status, action))
                self.assertNotEqual(entry["result"], "ok")
                self.assertIn(reason, entry["result"])
        self.assertEqual(bob.show()["limits"]["pids_max"], 100)

    def test_reading_is_no_entry(self):
        before = self.entries(limit=1)[0]["id"]
        for path in ("/api/v1/accounts", "/api/v1/stats", "/api/v1/audit", "/metrics", "/healthz"):
            self.agent.request("GET", path)
        time.sleep(NOTED_SECONDS)
        self.assertEqual(self.entries(limit=1)[0]["id"], before)

    def test_search_finds_by_account_action_and_time(self):
        began = {"from": datetime.datetime.now(datetime.UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")}
        time.sleep(support.POLL_SECONDS)  # the trail counts milliseconds
        self.account("ann", pids_max=100).patch(pids_max=50)
        self.account().post("suspend")
        self.assertEqual([entry["action"] for entry in self.entries(account="ann", **began)],
                         ["account.change", "account.create"])
        self.assertEqual({entry["account"] for entry in self.entries(action="account.suspend", **began)}, {"bob"})
        self.assertEqual({entry["action"] for entry in self.entries(action="account.", **began)},
                         {"account.change", "account.create", "account.suspend"})
        self.assertEqual(self.entries(until="2000-01-01T00:00:00Z"), [])

    def test_export_has_every_entry(self):
        self.account(pids_max=100).patch(pids_max=50)
        expected = [(entry["id"], entry["actor"], entry["action"], entry["account"] or "", entry["result"])
                    for entry in sorted(self.all_entries(), key=lambda entry: entry["id"])]
        rows = list(csv.DictReader(io.StringIO(self.ctl("audit", "export", "--format", "csv"))))
        self.assert_exported(rows, expected)
        self.assert_exported([json.loads(line) for line in self.ctl("audit", "export", "--format", "json").splitlines()], expected)

    def assert_exported(self, rows, expected):
        found = sorted((int(row["id"]), row["actor"], row["action"], row["account"] or "", row["result"]) for row in rows)
        self.assertEqual(found, expected)


class ChainCase(AuditCase):
    """Each on a copy of the database: the agent's own stays whole."""

    def setUp(self):
        super().setUp()
        bob = self.account(pids_max=100)
        for pids in range(ROWS):
            bob.patch(pids_max=10 + pids)
        self.last = self.entries(limit=1)[0]["id"]
        self.whole = self.agent.directory / "whole.db"
        self.agent.end()  # so that it is one file
        shutil.copy(self.database, self.whole)
        self.agent.start()

    def assert_found(self, where, *statements):
        with tempfile.TemporaryDirectory() as directory:
            copy = shutil.copy(self.whole, directory)
            self.verify(copy)
            with contextlib.closing(sqlite3.connect(copy)) as database, database:
                for statement in statements:
                    self.assertEqual(database.execute(statement).rowcount, 1, statement)
            said = self.verify(copy, expected=REFUSED)
        self.assertRegex(said, rf"\b{where}\b")
        support.info(said.strip().splitlines()[-1])

    def test_whole_trail_is_good_while_the_agent_writes_it_and_afterwards(self):
        self.verify(self.database)
        self.verify(self.whole)

    def test_edited_entry_is_found(self):
        middle = self.last - ROWS // 2
        for column, value in (("actor", "'uid 4001 (bob)'"), ("at_ms", "at_ms - 1"), ("result", "'refused'"), ("after", "'{}'"),
                              ("account", "NULL"), ("duration_us", "duration_us + 1")):
            with self.subTest(column=column):
                self.assert_found(middle, f"UPDATE audit SET {column} = {value} WHERE id = {middle}")

    def test_removed_entry_is_found(self):
        middle = self.last - ROWS // 2
        self.assert_found(middle, f"DELETE FROM audit WHERE id = {middle}")

    def test_removed_end_is_found(self):
        self.assert_found(self.last, f"DELETE FROM audit WHERE id = {self.last}")

    def test_exchanged_entries_are_found(self):
        one, other = self.last - ROWS // 2, self.last - ROWS // 2 + 1
        self.assert_found(one, f"UPDATE audit SET id = -1 WHERE id = {one}", f"UPDATE audit SET id = {one} WHERE id = {other}",
                          f"UPDATE audit SET id = {other} WHERE id = -1")


class Writers:
    """Threads that change accounts, each change under an id of its own, and remember what was acknowledged."""

    def __init__(self, agent, accounts):
        self.agent = agent
        self.acknowledged = []
        self.ending = threading.Event()
        self.threads = [threading.Thread(target=self._write, args=(account, number), daemon=True)
                        for number, account in enumerate(accounts)]
        for thread in self.threads:
            thread.start()

    def _write(self, account, number):
        serial = 0
        while not self.ending.is_set():
            serial += 1
            request_id = f"writer-{number}-{serial}"
            with contextlib.suppress(OSError, http.client.HTTPException):
                answer = self.agent.request("PATCH", account.url, {"limits": {"pids_max": 10 + serial}}, {"X-Request-Id": request_id})
                if answer.status == 200:
                    self.acknowledged.append(request_id)
            time.sleep(support.POLL_SECONDS)

    def end(self):
        self.ending.set()
        for thread in self.threads:
            thread.join(support.HTTP_SECONDS * support.TIME_SCALE)


class DeathCase(AuditCase):
    def test_every_acknowledged_change_has_its_entry_after_kills(self):
        dice = random.Random(SEED)
        writers = Writers(self.agent, [self.account(f"site{number}", pids_max=10) for number in range(WRITERS)])
        self.addCleanup(writers.end)
        for _ in range(KILLS):
            before = len(writers.acknowledged)
            support.wait_until(lambda: len(writers.acknowledged) > before + WRITERS, 10, "changes are acknowledged")
            time.sleep(dice.uniform(0, 0.5))
            self.agent.end(signal.SIGKILL)
            self.agent.start()
        writers.end()
        noted = {entry["request_id"] for entry in self.all_entries() if entry["result"] == "ok"}
        self.assertEqual(set(writers.acknowledged) - noted, set())
        support.info(f"{len(writers.acknowledged)} changes were acknowledged around {KILLS} kills, all are in the trail")
        self.verify(self.database)
