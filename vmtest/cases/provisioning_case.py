# SPDX-License-Identifier: Apache-2.0
"""Does an account follow what panels do: its user comes later, it gets another name or uid, its name has dots and capitals?"""
import os
import pathlib
import subprocess
import time

import smtp_case
import support

UID, OTHER_UID = 4101, 4102
NOTICED_SECONDS = 5
LIMIT = 12
COUNT = int(os.environ.get("NPANEL_ACCOUNTS", "300"))
IDLE_SECONDS = 10
NAMES = ("john.doe", "shop.example_x7k2", "4you", "20231234", "Bob", "bob", "cgroup.procs", "cpu.max", "memory.high", "x" + "." * 62 + "y",
         "A" * 64)
ACCOUNTS = "/api/v1/accounts"


class ProvisioningCase(support.AgentCase):
    bob = smtp_case.SmtpCase.bob
    outcomes = smtp_case.SmtpCase.outcomes
    assert_counts = smtp_case.SmtpCase.assert_counts
    assert_three_pass = smtp_case.SmtpCase.assert_three_pass

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.addClassCleanup(smtp_case.listen(25).close)

    def user(self, name, uid):
        subprocess.run(["useradd", "--badname", "--uid", str(uid), "--no-create-home", name], check=True)
        self.addCleanup(subprocess.run, ["userdel", name], check=False, capture_output=True)

    def as_a_panel(self, name, **more):
        """Without a uid: that of the user of that name."""
        made = self.agent.ask("POST", ACCOUNTS, {"name": name, "limits": support.NO_LIMITS, "mail": support.NO_MAIL_LIMITS, **more})
        account = support.Account(self.agent, name)
        self.addCleanup(self.agent.request, "DELETE", account.url)
        return account, made

    def uid_reasons(self, account):
        return [reason for reason in account.show()["degraded"] if reason.startswith("uid: ")]

    def outside_is_limited(self, uid):
        return smtp_case.REFUSED in self.run_outside(smtp_case.attempt, uid=uid).hear()

    def events(self, account):
        return [event["kind"] for event in self.agent.ask("GET", f"/api/v1/events?account={account.name}")["events"]]


class UidCase(ProvisioningCase):
    def test_account_made_before_its_user_gets_its_uid_when_it_comes(self):
        late, made = self.as_a_panel("late", smtp=smtp_case.NO_REFILL)
        self.assertEqual(made["uid"], None)
        self.assertIn("no system user late is known", self.uid_reasons(late)[0])
        self.assertFalse(self.outside_is_limited(UID))
        self.user("late", UID)
        began = time.monotonic()
        support.wait_until(lambda: late.show()["uid"] == UID, NOTICED_SECONDS, "the account has its uid")
        support.info(f"the uid was noticed after {time.monotonic() - began:.1f} s")
        self.assertEqual(self.uid_reasons(late), [])
        self.assertTrue(self.outside_is_limited(UID))
        self.assertIn("uid_found", self.events(late))

    def test_account_that_waits_for_its_user_waits_after_a_restart_too(self):
        late, _ = self.as_a_panel("late")
        self.agent.end()
        self.agent.start()
        self.user("late", UID)
        support.wait_until(lambda: late.show()["uid"] == UID, NOTICED_SECONDS, "the account has its uid")

    def test_account_follows_its_user_to_another_uid(self):
        self.user("mover", UID)
        mover, made = self.as_a_panel("mover", smtp=smtp_case.NO_REFILL)
        self.assertEqual(made["uid"], UID)
        subprocess.run(["usermod", "--uid", str(OTHER_UID), "mover"], check=True)
        support.wait_until(lambda: mover.show()["uid"] == OTHER_UID, NOTICED_SECONDS, "the account has the new uid")
        self.assertFalse(self.outside_is_limited(UID))
        self.assertTrue(self.outside_is_limited(OTHER_UID))

    def test_what_the_administrator_said_stays_his(self):
        self.user("said", UID)
        said = self.account("said", uid=OTHER_UID)
        none = self.account("none", uid=None)
        self.user("none", UID + 2)
        time.sleep(3)
        self.assertEqual((said.show()["uid"], none.show()["uid"]), (OTHER_UID, None))
        self.assertEqual(self.uid_reasons(none), [])

    def test_uid_is_changed_with_all_that_hangs_on_it(self):
        bob = self.bob(smtp_case.NO_REFILL, uid=UID)
        self.assertEqual(self.agent.ask("PATCH", bob.url, {"uid": OTHER_UID})["uid"], OTHER_UID)
        self.assertFalse(self.outside_is_limited(UID))
        self.assertTrue(self.outside_is_limited(OTHER_UID))
        self.assertIn("uid_changed", self.events(bob))
        ann = self.account("ann", uid=UID)
        taken = self.agent.request("PATCH", ann.url, {"uid": OTHER_UID})
        self.assertEqual((taken.status, taken.json()["field"]), (409, "uid"))
        self.assertEqual(self.agent.ask("PATCH", bob.url, {"uid": None})["uid"], None)
        self.assertEqual(self.agent.ask("PATCH", ann.url, {"uid": OTHER_UID})["uid"], OTHER_UID)

    def test_nobodys_and_the_systems_uids_are_refused(self):
        bob = self.bob()
        for uid in (65534, 33, 0):
            for method, path, body in (("POST", ACCOUNTS, {"name": "ann", "uid": uid}), ("PATCH", bob.url, {"uid": uid})):
                answer = self.agent.request(method, path, body)
                self.assertEqual((answer.status, answer.json()["field"]), (400, "uid"), uid)
        daemon, made = self.as_a_panel("www-data")
        self.assertEqual(made["uid"], None)
        support.wait_until(lambda: "accounts.least_uid" in " ".join(self.uid_reasons(daemon)), NOTICED_SECONDS, "the reason is told")

    def test_many_accounts_that_wait_for_their_users_cost_little(self):
        for index in range(COUNT):
            self.as_a_panel(f"waits{index:05}")
        cpu = self.agent_cpu()
        time.sleep(IDLE_SECONDS)
        percent = 100 * (self.agent_cpu() - cpu) / IDLE_SECONDS
        support.info(f"{COUNT} accounts without their users: the agent takes {percent:.1f} % of a core")
        self.user(f"waits{COUNT - 1:05}", UID)
        last = support.Account(self.agent, f"waits{COUNT - 1:05}")
        support.wait_until(lambda: last.show()["uid"] == UID, NOTICED_SECONDS, "its uid is noticed")
        self.assertLess(percent, 5 * support.TIME_SCALE)

    def agent_cpu(self):
        fields = pathlib.Path(f"/proc/{self.agent.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


class NameCase(ProvisioningCase):
    def test_every_name_has_a_cgroup_of_its_own_and_its_limit_holds(self):
        accounts = [self.account(name, pids_max=LIMIT, smtp=smtp_case.NO_REFILL) for name in NAMES]
        self.assertEqual(len({account.cgroup for account in accounts}), len(NAMES))
        for account in accounts:
            self.assertEqual(account.read("pids.max"), str(LIMIT), account.name)
            self.assert_three_pass(account, self.outcomes(account, smtp_case.attempt))
            self.assertEqual(account.cgroup.parent, self.agent.cgroup)
        self.agent.end()
        self.agent.start()
        listed = [account["name"] for account in self.agent.ask("GET", ACCOUNTS)["accounts"]]
        self.assertEqual(listed, sorted(NAMES))
        metrics = self.agent.request("GET", "/metrics").body.decode()
        for account in accounts:
            self.assertIn(f'account="{account.name}"', metrics)
            self.assertIn(account.name, self.agent.ctl("account", "show", account.name))
            account.delete()
            self.assertFalse(account.cgroup.exists(), account.name)

    def test_directory_that_only_looks_like_an_accounts_is_left_alone(self):
        john = self.account("john.doe", pids_max=LIMIT)
        foreign = self.agent.cgroup / "john.doe"
        foreign.mkdir()
        worker = support.Worker(support.rest)
        (foreign / "cgroup.procs").write_text(str(worker.pid))
        self.addCleanup(foreign.rmdir)
        self.addCleanup(worker.kill)
        self.agent.end()
        self.agent.start()
        self.assertTrue(worker.lives())
        self.assertEqual(john.read("pids.max"), str(LIMIT))


class RenameCase(ProvisioningCase):
    features = (*support.LIMITING, "audit_logs_v2")

    def rename(self, account, name):
        answer = self.agent.ask("PATCH", account.url, {"name": name})
        self.assertEqual(answer["name"], name)
        renamed = support.Account(self.agent, name)
        self.addCleanup(self.agent.request, "DELETE", renamed.url)
        return renamed

    def test_renamed_account_takes_everything_along(self):
        bob = self.account("bob", pids_max=LIMIT, smtp=smtp_case.NO_REFILL, uid=UID)
        worker = self.run_in(bob, support.echo)
        self.outcomes(bob, smtp_case.attempt)
        counted = bob.stats()["smtp"]
        self.agent.ask("POST", "/api/v1/features/cgroups_isolation/overrides", {"account": "bob", "enabled": True})
        support.wait_until(lambda: "smtp_denied" in self.events(bob), 5, "the refusal is an event")
        cgroup, nested = bob.cgroup, bob.cgroup / "child"
        nested.mkdir()
        john = self.rename(bob, "John.Doe")
        self.assert_says_back(worker)
        self.assertEqual(self.agent.request("GET", bob.url).status, 404)
        self.assertEqual((cgroup / "pids.max").read_text().strip(), str(LIMIT), "the cgroup stays while something is in it")
        self.assertEqual(self.agent.ask("GET", f"{john.url}/processes")["pids"], [worker.pid])
        self.assertEqual(john.stats()["smtp"], counted)
        self.assertTrue(self.outside_is_limited(UID))
        self.assertIn("smtp_denied", self.events(john))
        self.assertEqual(self.agent.ask("GET", "/api/v1/events?account=bob")["events"], [])
        self.assertEqual(self.agent.feature("cgroups_isolation")["overrides"], {"John.Doe": True})
        for name in ("bob", "John.Doe"):
            actions = [entry["action"] for entry in self.agent.ask("GET", f"/api/v1/audit?account={name}")["entries"]]
            self.assertIn("account.rename", actions, name)
        taken = self.agent.request("POST", ACCOUNTS, {"name": "bob"})
        self.assertEqual((taken.status, taken.json()["field"]), (409, "name"))
        self.agent.end()
        self.agent.start()
        self.assertEqual(self.agent.ask("GET", f"{john.url}/processes")["pids"], [worker.pid])
        self.assertEqual((cgroup / "pids.max").read_text().strip(), str(LIMIT))
        worker.kill()
        nested.rmdir()
        support.wait_until(lambda: john.cgroup.exists() and john.read("pids.max") == str(LIMIT), 5, "the cgroup is called as the account")
        self.assertFalse(cgroup.exists())
        self.assertEqual(self.outcomes(john, smtp_case.attempt), [smtp_case.REFUSED] * smtp_case.ATTEMPTS, "its bucket is as it was")

    def test_name_that_is_taken_is_refused_and_an_empty_account_moves_at_once(self):
        bob, _ = self.account("bob", pids_max=LIMIT), self.account("ann")
        answer = self.agent.request("PATCH", bob.url, {"name": "ann"})
        self.assertEqual((answer.status, answer.json()["field"]), (409, "name"))
        eve = self.rename(bob, "eve")
        self.assertEqual(eve.read("pids.max"), str(LIMIT))
        self.assertFalse(bob.cgroup.exists())
        self.assertEqual(self.account("bob").show()["name"], "bob")

    def test_renamed_account_may_be_deleted_while_something_runs_in_it(self):
        bob = self.account("bob")
        worker = self.run_in(bob, support.rest)
        john = self.rename(bob, "john.doe")
        john.delete()
        self.assertEqual(worker.exit_code(), -9)
        self.assertFalse(bob.cgroup.exists())
