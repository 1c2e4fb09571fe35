# SPDX-License-Identifier: Apache-2.0
"""Does the administrator see what happened: npanelctl, the log, the metrics?"""
import json
import pathlib
import re
import subprocess

import smtp_case
import support

OK, REFUSED, USAGE, UNREACHABLE = 0, 1, 2, 3  # npanelctl's exit codes
REFUSALS = smtp_case.ATTEMPTS - smtp_case.BURST
RULES = "/usr/share/npanel/prometheus/npanel.rules.yml"
CAPABILITIES = ("cgroup2.cpu", "cgroup2.memory", "cgroup2.pids", "cgroup2.io", "bpf.connect", "bpf.iter_cgroup")


class SeenCase(support.AgentCase):
    def setUp(self):
        super().setUp()
        listener = smtp_case.listen(25)
        self.addCleanup(listener.close)

    def ctl(self, *arguments, expected=OK, socket_path=None):
        """npanelctl's standard output; its exit code must be the expected one."""
        command = ["npanelctl", "--socket", socket_path or self.agent.socket, *arguments]
        ran = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True,
                             timeout=support.HTTP_SECONDS * support.TIME_SCALE)
        self.assertEqual(ran.returncode, expected, f"{' '.join(command)}: {ran.stdout}{ran.stderr}")
        self.assertEqual(bool(ran.stderr), expected != OK and "--json" not in arguments, f"{' '.join(command)}: {ran.stderr}")
        return ran.stdout

    def ctl_json(self, *arguments, expected=OK):
        out = self.ctl(*arguments, "--json", expected=expected)
        return json.loads(out) if out else None

    def metrics(self):
        """Value by series, as text."""
        text = self.agent.request("GET", "/metrics").body.decode()
        return dict(line.rsplit(" ", 1) for line in text.splitlines() if not line.startswith("#"))

    def refused_account(self, name):
        """Under a name of its own: events outlive the account."""
        account = self.account(name, smtp=smtp_case.NO_REFILL)
        self.run_in(account, smtp_case.attempt).hear()
        return account

    def test_refusals_are_seen_in_events_log_and_metrics(self):
        spammer = self.refused_account("spammer")
        event = support.wait_until(lambda: self.denied(spammer), 5, "an event smtp_denied")
        self.assertEqual((event["detail"]["destination"], event["detail"]["uid"]), ("127.0.0.1:25", 0))
        self.assertIn("smtp_denied", self.ctl("events"))
        self.assertRegex(self.agent.log(), rf"account spammer: smtp_denied .*\"count\":{REFUSALS}\b")
        metrics = self.metrics()
        self.assertEqual(metrics['npanel_smtp_connections_total{account="spammer",verdict="denied"}'], str(REFUSALS))
        self.assertEqual(metrics['npanel_smtp_connections_total{account="spammer",verdict="allowed"}'], str(smtp_case.BURST))

    def denied(self, account):
        """The first event of a refusal, once all refusals are in events."""
        events = [event for event in self.ctl_json("events", "--account", account.name)["events"] if event["kind"] == "smtp_denied"]
        if sum(event["detail"]["count"] for event in events) == REFUSALS:
            return events[-1]
        return None

    def test_limit_change_is_seen_in_events_log_and_metrics(self):
        self.account(pids_max=100)
        self.ctl("account", "set", "bob", "--pids", "50")
        event = self.ctl_json("events", "--limit", "1")["events"][0]
        self.assertEqual((event["account"], event["kind"]), ("bob", "limits_changed"))
        self.assertEqual((event["detail"]["before"]["pids_max"], event["detail"]["after"]["pids_max"]), (100, 50))
        self.assertIn("100 -> 50", self.ctl("events"))
        self.assertIn("account bob: limits_changed", self.agent.log())
        self.assertEqual(self.metrics()['npanel_cgroup_pids_limit{account="bob"}'], "50")

    def test_metrics_are_what_stats_say(self):
        bob = self.account(cpu_percent=20, memory_max_bytes=64 * support.MIB, pids_max=32)
        self.run_in(bob, support.fork_children, 64).hear()
        stats, metrics = bob.stats(), self.metrics()
        for series, value in (
                ("npanel_cgroup_pids", stats["pids"]["current"]),
                ("npanel_cgroup_pids_limit", 32),
                ("npanel_cgroup_memory_limit_bytes", 64 * support.MIB),
                ("npanel_cgroup_cpu_limit_cores", 0.2)):
            self.assertEqual(float(metrics[f'{series}{{account="bob"}}']), value, series)
        self.assertEqual(float(metrics['npanel_cgroup_limit_exceeded_total{account="bob",resource="pids"}']), stats["pids"]["refused"])

    def test_alerts_are_rules_over_families_that_there_are_and_judge_memory_by_the_working_set(self):
        ran = subprocess.run(["promtool", "check", "rules", RULES], capture_output=True, text=True)
        self.assertEqual(ran.returncode, 0, ran.stdout + ran.stderr)
        rules = pathlib.Path(RULES).read_text()
        text = self.agent.request("GET", "/metrics").body.decode()
        for family in set(re.findall(r"\bnpanel_[a-z_]+", " ".join(re.findall(r"expr: (.*)", rules)))):
            self.assertIn(f"# TYPE {family} ", text)
        self.assertNotIn("npanel_cgroup_memory_usage_bytes", rules)

    def test_promtool_has_nothing_to_say_about_the_metrics(self):
        self.refused_account("another")
        self.account("free")
        text = self.agent.request("GET", "/metrics").body
        ran = subprocess.run(["promtool", "check", "metrics"], input=text, capture_output=True)
        self.assertEqual((ran.returncode, ran.stdout, ran.stderr), (0, b"", b""))

    def test_npanelctl_takes_an_account_through_its_life(self):
        self.ctl("account", "create", "bob", "--cpu", "50%", "--memory", "512M", "--pids", "256", "--swap", "0",
                 "--io-read", "50M", "--io-write", "50MB", "--memory-high", "max", "--smtp-per-minute", "60", "--smtp-burst", "3")
        self.addCleanup(self.agent.request, "DELETE", "/api/v1/accounts/bob")
        shown = self.ctl_json("account", "show", "bob")
        self.assertEqual(shown["limits"], {
            "cpu_percent": 50, "memory_max_bytes": 512 << 20, "memory_high_bytes": None, "swap_max_bytes": 0,
            "io_read_bytes_per_s": 50 << 20, "io_write_bytes_per_s": 50_000_000, "pids_max": 256})
        self.assertEqual(self.ctl_json("account", "list")["accounts"], [shown])
        self.assertEqual(self.ctl_json("account", "set", "bob", "--cpu", "max")["limits"]["cpu_percent"], None)
        self.assertEqual(self.ctl_json("account", "suspend", "bob")["state"], "suspended")
        self.assertEqual(self.ctl_json("account", "resume", "bob")["state"], "active")
        self.assertEqual(self.ctl_json("smtp", "bob", "--mode", "observe")["smtp"]["mode"], "observe")
        self.ctl("account", "delete", "bob")
        support.wait_until(lambda: self.agent.request("GET", "/api/v1/accounts/bob").status == 404, 5, "bob is gone")

    def test_npanelctl_speaks_to_people_too(self):
        self.account(pids_max=77)
        for command in (("account", "list"), ("account", "show", "bob"), ("stats",), ("stats", "bob")):
            self.assertIn("bob", self.ctl(*command), command)
            self.assertIn("77", self.ctl(*command), command)
        for command in (("account", "suspend", "bob"), ("account", "resume", "bob"), ("events",)):
            self.assertIn("bob", self.ctl(*command), command)
        self.assertIn(str(self.agent.cgroup), self.ctl("status"))
        self.assertIn("ok", self.ctl("health"))
        self.assertIn("npanel_accounts 1", self.ctl("metrics"))

    def test_npanelctl_adds_and_lists_processes(self):
        self.account()
        workers = [support.Worker(support.echo) for _ in range(2)]
        for worker in workers:
            self.addCleanup(worker.kill)
        pids = [str(worker.pid) for worker in workers]
        self.ctl("process", "add", "bob", *pids)
        self.assertEqual(sorted(self.ctl("process", "list", "bob").split()), sorted(pids))
        self.assertEqual(sorted(self.ctl_json("process", "list", "bob")["pids"]), sorted(map(int, pids)))
        self.assertEqual(self.ctl_json("stats", "bob")["pids"]["current"], len(pids))
        self.assertEqual([stats["name"] for stats in self.ctl_json("stats")["stats"]], ["bob"])

    def test_npanelctl_exit_code_tells_refused_from_misused_from_unreachable(self):
        self.ctl("account", "show", "nobody", expected=REFUSED)
        self.assertEqual(self.ctl_json("account", "show", "nobody", expected=REFUSED)["status"], 404)
        self.assertEqual(self.ctl_json("process", "add", "nobody", "1", expected=REFUSED)["status"], 404)
        for misuse in (("account", "create", "bob", "--cpu", "much"), ("account", "set", "bob"), ("account", "create"), ("dance",), ()):
            self.ctl(*misuse, expected=USAGE)
        nowhere = str(self.agent.directory / "nowhere.sock")
        self.ctl("status", expected=UNREACHABLE, socket_path=nowhere)
        self.assertEqual(self.agent.ask("GET", "/api/v1/accounts")["accounts"], [])

    def test_status_tells_what_the_agent_runs_on(self):
        self.account()
        status = self.ctl_json("status")
        self.assertEqual((status["accounts"], status["cgroup_path"]), (1, str(self.agent.cgroup)))
        self.assertEqual(sorted(status["controllers"]), ["cpu", "io", "memory", "pids"])
        self.assertEqual((status["missing_controllers"], status["usage_source"]), ([], "bpf"))
        self.assertEqual((status["smtp"]["attached"], status["smtp"]["ports"]), (True, [25, 465, 587]))
        self.assertEqual(self.ctl_json("health"), {"status": "ok", "reasons": [], "watchdog": "off"})

    def test_doctor_finds_everything_this_kernel_has(self):
        lines = [line.split() for line in self.ctl("doctor").splitlines()]
        states = {name: state for state, name, *_ in lines}
        self.assertEqual({name: states.get(name) for name in CAPABILITIES}, dict.fromkeys(CAPABILITIES, "ok"))
        found = {one["name"]: one["state"] for one in self.ctl_json("doctor")["capabilities"]}
        self.assertEqual(found, states)

    def test_doctor_works_without_the_agent(self):
        self.agent.end()
        self.ctl("doctor")
