# SPDX-License-Identifier: Apache-2.0
"""Does a feature limit whom it is on for and nobody else, at once, and whoever switched it?"""
import contextlib
import errno
import os
import signal
import sqlite3
import time

import load
import smtp_case
import support
from smtp_case import PASSED, REFUSED

ISOLATION, MAIL = support.LIMITING
AUDIT = "audit_logs_v2"
LIMIT = 32
GREED = 2 * LIMIT
CPU = 20
PERIOD = "100000"
UNLIMITED = ("max", "max", f"max {PERIOD}")
LIMITED = (str(LIMIT), str(64 * support.MIB), f"{CPU * 1000} {PERIOD}")
NO_MAIL = {"per_minute": 0}
FOLLOW_SECONDS = 2  # the limits of accounts that are there, after a switch
OBEY_SECONDS = 2  # a switch that was made in the database
SWITCH_SECONDS = 0.1  # from the request until the kernel's verdict is another one
SWITCHES = 10
PACE_SECONDS = 0.005
ACCOUNTS = 20
OVERHEAD_SECONDS = 5
NOTICE_SECONDS = 30  # the overhead limit, and what it takes to be over it

# What needs a feature, and which one.
GATED = (
    ("POST", "/api/v1/accounts/bob/smtp", {"per_minute": 5}, MAIL),
    ("POST", "/api/v1/reload", None, "graceful_reloads"),
    ("GET", "/api/v1/config", None, "config_layering"),
    ("GET", "/api/v1/config/versions", None, "config_layering"),
    ("GET", "/api/v1/audit", None, AUDIT),
    ("GET", "/api/v1/jobs", None, "progress_tracking"),
    ("POST", "/api/v1/apply", None, "progress_tracking"),
    ("POST", "/api/v1/backup", None, "progress_tracking"),
    ("POST", "/api/v1/accounts/bob/drain", None, "progress_tracking"),
)


def accept_all(_pipe, listener):
    """So that no backlog ends what passes."""
    while True:
        listener.accept()[0].close()


def watch_verdict(pipe):
    """Connects all the time; says each verdict that is another one than before, and when."""
    last = None
    while True:
        verdict = smtp_case.outcome(smtp_case.by_connect, smtp_case.V4, 25)
        if verdict != last:
            pipe.send((time.monotonic(), verdict))  # the same clock in every process
            last = verdict
        time.sleep(PACE_SECONDS)


class FeaturesCase(support.AgentCase):
    """Everything is off when a test begins."""
    features = ()

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        listener = smtp_case.listen(25)
        accepting = support.Worker(accept_all, listener).begin()
        listener.close()
        cls.addClassCleanup(accepting.kill)

    def setUp(self):
        super().setUp()
        self.addCleanup(self.all_off)

    def all_off(self):
        """As after the first start. Runs after the accounts are gone: clean-ups run last in, first out."""
        if not self.agent.runs():
            self.agent.start()
        for feature in self.agent.ask("GET", "/api/v1/features")["features"]:
            if feature["enabled"]:
                self.agent.change_feature(feature["name"], enabled=False)
        for name in support.LIMITING:
            self.agent.change_feature(name, rollout=100)
        self.agent.change_feature(MAIL, mode="enforce")

    def limited(self, name="bob"):
        return self.account(name, smtp=NO_MAIL, cpu_percent=CPU, memory_max_bytes=64 * support.MIB, pids_max=LIMIT)

    def connects(self, account):
        return self.run_in(account, smtp_case.attempt_on_demand)

    def verdict(self, worker):
        worker.pipe.send(1)
        return worker.hear()[0]

    def settings(self, account):
        return account.read("pids.max"), account.read("memory.max"), account.read("cpu.max")

    def assert_becomes(self, account, settings):
        support.wait_until(lambda: self.settings(account) == settings, FOLLOW_SECONDS, f"{account.name} has {settings}")

    def assert_forks(self, account, expected):
        worker = self.run_in(account, support.fork_children, GREED)
        self.assertEqual(worker.hear(), expected)
        for pid in account.read("cgroup.procs").split():
            with contextlib.suppress(ProcessLookupError):
                os.kill(int(pid), signal.SIGKILL)
        support.wait_until(lambda: not account.read("cgroup.procs"), support.END_SECONDS, "the forks are gone")

    def audit(self, **query):
        self.agent.enable(AUDIT)
        words = "&".join(f"{key}={value}" for key, value in query.items())
        return self.agent.ask("GET", f"/api/v1/audit?{words}")["entries"]


class SwitchCase(FeaturesCase):
    def test_everything_is_off_at_first_and_nothing_is_limited(self):
        features = self.agent.ask("GET", "/api/v1/features")["features"]
        self.assertEqual([feature["name"] for feature in features if feature["enabled"]], [])
        bob = self.limited()
        self.assertEqual(set(bob.show()["features"].values()), {"off"})
        self.assertEqual(self.settings(bob), UNLIMITED)
        self.assert_forks(bob, (GREED, None))
        self.assertEqual(self.run_in(bob, smtp_case.attempt).hear(), [PASSED] * smtp_case.ATTEMPTS)

    def test_route_of_a_feature_that_is_off_refuses_and_names_it(self):
        bob = self.limited()
        before = bob.show()
        for method, path, body, feature in GATED:
            with self.subTest(request=f"{method} {path}"):
                answer = self.agent.request(method, path, body)
                self.assertEqual(answer.status, 403, answer.body)
                problem = answer.json()
                self.assertEqual(problem["feature"], feature)
                self.assertIn(f"npanelctl feature enable {feature}", problem["detail"])
        self.assertEqual(bob.show(), before)

    def test_isolation_limits_when_it_is_on_and_takes_it_back_when_it_is_off(self):
        bob = self.limited()
        self.agent.enable(ISOLATION)
        self.assert_becomes(bob, LIMITED)
        self.assertEqual(bob.show()["features"][ISOLATION], "enforce")
        self.assert_forks(bob, (LIMIT - 1, errno.EAGAIN))
        self.run_in(bob, support.spin)
        support.wait_until(lambda: bob.flat("cpu.stat")["nr_throttled"] > 2, 5, "bob is throttled")
        self.agent.change_feature(ISOLATION, enabled=False)
        self.assert_becomes(bob, UNLIMITED)
        throttled = bob.flat("cpu.stat")["nr_throttled"]
        self.assertEqual(self.run_in(bob, support.fork_children, GREED).hear(), (GREED, None))
        self.assertEqual(bob.flat("cpu.stat")["nr_throttled"], throttled)

    def test_account_that_is_made_while_isolation_is_on_is_limited_from_the_start(self):
        self.agent.enable(ISOLATION)
        self.assertEqual(self.settings(self.limited()), LIMITED)

    def test_switch_changes_the_verdict_of_a_flood_at_once(self):
        flood = self.run_in(self.limited(), watch_verdict)
        self.assertEqual(flood.hear()[1], PASSED)
        seconds = []
        for on in [True, False] * (SWITCHES // 2):
            sent = time.monotonic()
            self.agent.change_feature(MAIL, enabled=on)
            changed, verdict = flood.hear()
            self.assertEqual(verdict, REFUSED if on else PASSED)
            seconds.append(changed - sent)
        support.info(f"{MAIL} switched {SWITCHES} times: the first other verdict after "
                     f"{', '.join(f'{1000 * one:.0f}' for one in seconds)} ms")
        self.assertLess(max(seconds), SWITCH_SECONDS * support.TIME_SCALE)

    def test_observe_lets_all_pass_and_counts_what_it_would_have_denied(self):
        bob = self.account(smtp=smtp_case.NO_REFILL)
        self.agent.change_feature(MAIL, enabled=True, mode="observe")
        self.assertEqual(bob.show()["features"][MAIL], "observe")
        self.assertEqual(self.run_in(bob, smtp_case.attempt).hear(), [PASSED] * smtp_case.ATTEMPTS)
        self.assertEqual(bob.stats()["smtp"], smtp_case.counts(allowed=smtp_case.BURST,
                                                                     would_have_denied=smtp_case.ATTEMPTS - smtp_case.BURST))
        self.agent.change_feature(MAIL, mode="enforce")
        self.assertEqual(self.run_in(bob, smtp_case.attempt).hear(), [REFUSED] * smtp_case.ATTEMPTS)

    def test_feature_that_cannot_observe_refuses_to(self):
        self.assert_change_refused(ISOLATION, "mode", enabled=True, mode="observe")

    def test_feature_that_is_not_built_refuses_to_be_enabled(self):
        missing = [one["name"] for one in self.agent.ask("GET", "/api/v1/features")["features"] if not one["available"]]
        self.assertTrue(missing)
        for name in missing:
            with self.subTest(feature=name):
                self.assert_change_refused(name, "enabled", enabled=True)

    def assert_change_refused(self, name, field, **change):
        before = self.agent.feature(name)
        answer = self.agent.request("PATCH", f"/api/v1/features/{name}", change)
        self.assertEqual((answer.status, answer.json().get("field")), (400, field), answer.body)
        self.assertEqual(self.agent.feature(name), before)


class RolloutCase(FeaturesCase):
    def refused(self, workers):
        return {name for name, worker in workers.items() if self.verdict(worker) == REFUSED}

    def test_rollout_only_adds_accounts_and_limits_these_and_no_others(self):
        accounts = [self.account(f"site{index:02}", smtp=NO_MAIL) for index in range(ACCOUNTS)]
        workers = {account.name: self.connects(account) for account in accounts}
        before, counts = set(), []
        for percent in (0, 25, 50, 100):
            self.agent.change_feature(MAIL, enabled=True, rollout=percent)
            refused = self.refused(workers)
            self.assertLessEqual(before, refused)
            self.assertEqual(self.agent.feature(MAIL)["accounts_on"], len(refused))
            self.assertEqual({one.name for one in accounts if one.show()["features"][MAIL] == "enforce"}, refused)
            before = refused
            counts.append(len(refused))
        support.info(f"rollout to 0, 25, 50, 100 % of {ACCOUNTS} accounts: on for {counts}")
        self.assertEqual((counts[0], counts[-1]), (0, ACCOUNTS))
        self.assertTrue(0 < counts[2] < ACCOUNTS)

    def test_rollout_of_isolation_limits_the_same_accounts_by_effect(self):
        accounts = [self.account(f"site{index:02}", pids_max=LIMIT) for index in range(ACCOUNTS)]
        self.agent.change_feature(ISOLATION, enabled=True, rollout=50)
        on = {one.name for one in accounts if one.show()["features"][ISOLATION] == "enforce"}
        self.assertTrue(0 < len(on) < ACCOUNTS)
        wanted = {one.name: str(LIMIT) if one.name in on else "max" for one in accounts}
        support.wait_until(lambda: {one.name: one.read("pids.max") for one in accounts} == wanted, FOLLOW_SECONDS, wanted)

    def override(self, account, on):
        return self.agent.ask("POST", f"/api/v1/features/{MAIL}/overrides", {"account": account.name, "enabled": on})

    def test_override_decides_whatever_the_percentage_says_until_it_is_cleared(self):
        bob, ann = self.limited(), self.limited("ann")
        workers = [self.connects(account) for account in (bob, ann)]
        for percent, others in ((0, PASSED), (100, REFUSED)):
            self.agent.change_feature(MAIL, enabled=True, rollout=percent)
            for on, verdict in ((None, others), (True, REFUSED), (False, PASSED), (None, others)):
                self.override(bob, on)
                self.assertEqual([self.verdict(worker) for worker in workers], [verdict, others], (percent, on))

    def test_override_goes_with_its_account(self):
        self.agent.enable(MAIL)
        bob = self.limited()
        self.assertEqual(self.override(bob, False)["overrides"], {"bob": False})
        bob.delete()
        self.assertEqual(self.agent.feature(MAIL)["overrides"], {})
        self.assertEqual(self.verdict(self.connects(self.limited())), REFUSED)
        answer = self.agent.request("POST", f"/api/v1/features/{MAIL}/overrides", {"account": "nobody", "enabled": True})
        self.assertEqual(answer.status, 404)


class LastingCase(FeaturesCase):
    """Switches that outlive the agent, or that nobody told it of."""

    def test_killed_agent_leaves_the_switches_effective_and_finds_them_again(self):
        bob, ann = self.limited(), self.limited("ann")
        workers = [self.connects(account) for account in (bob, ann)]
        self.agent.enable(MAIL, ISOLATION)
        self.agent.ask("POST", f"/api/v1/features/{MAIL}/overrides", {"account": "ann", "enabled": False})
        self.assert_becomes(bob, LIMITED)
        before = self.said()
        self.agent.end(signal.SIGKILL)
        self.assertEqual([self.verdict(worker) for worker in workers], [REFUSED, PASSED])
        self.agent.start()
        self.assertEqual(self.said(), before)
        self.assertEqual([self.verdict(worker) for worker in workers], [REFUSED, PASSED])
        self.assertEqual(self.agent.status()["reconcile"]["writes"], 0)
        self.agent.change_feature(MAIL, enabled=False)
        self.assertEqual([self.verdict(worker) for worker in workers], [PASSED, PASSED])

    def said(self):
        """Of every feature, what an administrator decides."""
        return [[feature[key] for key in ("name", "enabled", "mode", "rollout", "overrides")]
                for feature in self.agent.ask("GET", "/api/v1/features")["features"]]

    def test_restart_with_everything_off_changes_nothing(self):
        bob = self.limited()
        worker = self.connects(bob)
        self.agent.end()
        self.assertEqual(self.verdict(worker), PASSED)
        self.agent.start()
        reconcile = self.agent.status()["reconcile"]
        self.assertEqual((reconcile["writes"], reconcile["errors"]), (0, 0))
        self.assertEqual(self.settings(bob), UNLIMITED)
        self.assertEqual(self.verdict(worker), PASSED)

    def in_database(self, statement):
        with contextlib.closing(sqlite3.connect(self.agent.directory / "npanel.db", timeout=5 * support.TIME_SCALE)) as database:
            with database:
                self.assertEqual(database.execute(statement).rowcount, 1)

    def test_switch_in_the_database_is_obeyed_and_noted(self):
        worker = self.connects(self.limited())
        for on, verdict in ((1, REFUSED), (0, PASSED)):
            began = time.monotonic()
            self.in_database(f"UPDATE feature_flags SET enabled = {on} WHERE name = '{MAIL}'")
            support.wait_until(lambda: self.verdict(worker) == verdict, OBEY_SECONDS, "the kernel obeys the database")
            support.info(f"a switch in the database was obeyed after {time.monotonic() - began:.2f} s")
            self.assertEqual(self.agent.feature(MAIL)["enabled"], bool(on))
        off, on, *_ = [entry for entry in self.audit(action="feature.change", actor="sqlite") if entry["target"] == MAIL]
        self.assertEqual((on["before"]["enabled"], on["after"]["enabled"]), (False, True))
        self.assertEqual((off["before"]["enabled"], off["after"]["enabled"]), (True, False))
        self.assertEqual((on["source"], on["result"]), ("database", "ok"))


class OverheadCase(FeaturesCase):
    """A feature that costs too much is switched off by the agent itself, where the administrator has asked for that; here
    anything is too much."""
    config = f"[overhead]\nagent_percent = 0.01\nkernel_percent = 0.01\nseconds = {OVERHEAD_SECONDS}\ndrop_limits = true\n"

    def switched_off(self, name):
        feature = self.agent.feature(name)
        return None if feature["enabled"] else feature["switched_off"]

    def times_counted(self, name):
        text = self.agent.request("GET", "/metrics").body.decode()
        return [line.rpartition(" ")[2] for line in text.splitlines()
                if line.startswith("npanel_feature_switched_off_total") and f'"{name}"' in line]

    def assert_switches_itself_off(self, name):
        began = time.monotonic()
        self.agent.enable(name)
        reason = support.wait_until(lambda: self.switched_off(name), NOTICE_SECONDS, f"{name} is switched off")
        support.info(f"{name} was switched off after {time.monotonic() - began:.1f} s: {reason}")
        self.assertGreaterEqual(time.monotonic() - began, OVERHEAD_SECONDS)
        self.assertEqual(self.times_counted(name), ["1"])
        entry, = [entry for entry in self.audit(action="feature.switch_off") if entry["target"] == name]
        self.assertEqual((entry["actor"], entry["source"], entry["result"]), ("agent", "agent", "ok"))
        self.assertEqual((entry["before"]["enabled"], entry["after"]["enabled"]), (True, False))
        self.assertEqual(entry["after"]["switched_off"], reason)
        self.assertIn(name, self.agent.log())

    def test_isolation_that_costs_the_agent_too_much_is_switched_off_once_and_can_be_enabled_again(self):
        bob = self.limited()
        clients = load.Clients(self.agent)
        self.addCleanup(clients.clean_up)
        self.assert_switches_itself_off(ISOLATION)
        self.assert_becomes(bob, UNLIMITED)
        clients.end()
        self.assertEqual(self.agent.change_feature(ISOLATION, enabled=True)["switched_off"], None)
        self.assert_becomes(bob, LIMITED)

    def test_mail_limits_that_cost_the_kernel_too_much_are_switched_off_once_and_can_be_enabled_again(self):
        bob = self.limited()
        flood = [self.run_in(bob, watch_verdict) for _ in range(4)]
        self.assert_switches_itself_off(MAIL)
        worker = self.connects(self.limited("ann"))
        self.assertEqual(self.verdict(worker), PASSED)
        for process in flood:
            process.kill()
        self.agent.enable(MAIL)
        self.assertEqual(self.verdict(worker), REFUSED)


class ShedCase(FeaturesCase):
    """A limit that is enforced is never dropped for its cost: telemetry is, and it comes back."""
    config = f"[overhead]\nagent_percent = 0.01\nkernel_percent = 0.01\nseconds = {OVERHEAD_SECONDS}\n"

    def shed(self):
        return self.agent.feature(MAIL)["shed"]

    def metric(self):
        text = self.agent.request("GET", "/metrics").body.decode()
        line, = [line for line in text.splitlines() if line.startswith(f'npanel_telemetry_shed{{feature="{MAIL}"}}')]
        return float(line.rpartition(" ")[2])

    def kinds(self):
        return [event["kind"] for event in self.agent.ask("GET", "/api/v1/events?limit=100")["events"]]

    def test_mail_limits_that_cost_too_much_hold_and_tell_less(self):
        bob, ann = self.limited(), self.limited("ann")
        worker = self.connects(ann)
        self.agent.enable(MAIL)
        flood = [self.run_in(bob, watch_verdict) for _ in range(4)]
        support.wait_until(lambda: self.shed() == 2, NOTICE_SECONDS, "all telemetry is left out")
        time.sleep(2 * OVERHEAD_SECONDS)
        self.assertTrue(self.agent.feature(MAIL)["enabled"])
        self.assertEqual(self.agent.feature(MAIL)["switched_off"], None)
        before = bob.stats()["smtp"]["denied"], len([kind for kind in self.kinds() if kind == "smtp_denied"])
        self.assertEqual([self.verdict(worker) for _ in range(10)], [REFUSED] * 10)
        self.assertGreaterEqual(ann.stats()["smtp"]["denied"], 10)
        time.sleep(2)
        self.assertGreater(bob.stats()["smtp"]["denied"], before[0])
        self.assertEqual(len([kind for kind in self.kinds() if kind == "smtp_denied"]), before[1], "records are left out")
        self.assertEqual(self.metric(), 2)
        self.assertIn("limits hold", " ".join(self.agent.health()["reasons"]))
        self.assertEqual([entry["after"]["shed"] for entry in self.audit(action="feature.shed")][:2], [2, 1])
        for process in flood:
            process.kill()
        text = self.agent.config_path.read_text()
        self.agent.config_path.write_text(text.replace("percent = 0.01", "percent = 100.0"))
        self.addCleanup(self.agent.config_path.write_text, text)
        self.agent.enable("graceful_reloads")
        self.agent.ask("POST", "/api/v1/reload")
        support.wait_until(lambda: self.shed() == 0, NOTICE_SECONDS, "all is told again")
        self.assertEqual(self.kinds().count("telemetry_restored"), 2)
        self.assertEqual(self.metric(), 0)
        self.assertEqual(self.verdict(worker), REFUSED)
        support.wait_until(lambda: "smtp_denied" in self.kinds()[:5], NOTICE_SECONDS, "refusals are told again")
