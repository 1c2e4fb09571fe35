# SPDX-License-Identifier: Apache-2.0
"""The installed service: does it limit, and does anybody notice when it dies, is restarted or is detached?"""
import contextlib
import errno
import grp
import http.client
import json
import os
import pathlib
import pwd
import random
import re
import signal
import socket
import stat
import subprocess
import time

import installed
import load
import mail_case
import support
from installed import AGENT, CONFIG, SOCKET, WATCHDOG, ctl, ctl_json, placement, systemctl

KILLS = installed.count("NPANEL_KILLS", 4)
LOAD_SECONDS = installed.count("NPANEL_LOAD_SECONDS", 15)
SEED = installed.count("NPANEL_SEED", 20261122)
POLICY = "/run/npanel/policy.sock"
READY_SECONDS = 2
COME_BACK_SECONDS = 20
PAUSE_SECONDS = 1.5  # the most between two kills
DEAF_SECONDS = 25  # WatchdogSec=, and a start
LIMIT = 32
BOB_UID = 4001
EXPOSURE_MOST = {AGENT: 2.5, WATCHDOG: 1.3, "npanel-helper.service": 2.5, "npanel-notice.service": 3.0}
HTTP_PORT = 844
FLOOD_SECONDS = 5
HEALTH_SECONDS = 0.25  # at the 99th percentile, as the machine runs it
HEAL_SECONDS = 150  # back-off to half a minute, and a new process in emulation
FAILING_CALLS = (3, 60)  # a probe of libbpf, and a map
HOSTED = ("cron.service", "exim4.service", "postfix.service", "dovecot.service", "php8.2-fpm.service", "apache2.service", "nginx.service", "ssh.service")
RESPECT_SECONDS = 11  # three checks of the watchdog and more


def shown_one(what, unit):
    return systemctl("show", "--value", "-p", what, unit).strip()


class InstalledCase(installed.ServiceCase):
    def test_units_are_active_and_nothing_is_degraded(self):
        self.assert_active()
        status = ctl_json("status")
        self.assertEqual((status["smtp"]["attached"], status["smtp"]["reason"]), (True, None))
        self.assertEqual((status["usage_source"], status["usage_reason"]), ("bpf", None))
        self.assertEqual(status["missing_controllers"], [])
        self.assertEqual(ctl_json("health"), {"status": "ok", "reasons": [], "watchdog": "enforce"})

    def test_group_npanel_and_nobody_else_may_use_the_socket(self):
        status = os.stat(self.agent.socket)
        self.assertEqual((grp.getgrgid(status.st_gid).gr_name, stat.S_IMODE(status.st_mode)), ("npanel", 0o660))

    def test_the_services_are_exposed_no_more_than_they_must(self):
        for unit, most in EXPOSURE_MOST.items():
            said = installed.run("systemd-analyze", "security", "--no-pager", unit)
            exposure = float(re.search(r"Overall exposure level for \S+: ([\d.]+)", said)[1])
            support.info(f"{unit}: exposure {exposure}")
            self.assertLessEqual(exposure, most, unit)

    def test_bash_completes_npanelctl(self):
        script = """. /usr/share/bash-completion/completions/npanelctl; f=$(complete -p npanelctl | sed 's/.*-F \\([^ ]*\\).*/\\1/')
            COMP_WORDS=(npanelctl acc) COMP_CWORD=1 COMP_LINE='npanelctl acc' COMP_POINT=13; $f npanelctl acc npanelctl; echo ${COMPREPLY[@]}"""
        self.assertEqual(installed.run("bash", "-c", script).split(), ["account", "accounts"])

    def test_account_of_npanelctl_is_limited_in_cpu_pids_and_smtp(self):
        ctl("account", "create", "bob", "--uid", str(BOB_UID), "--cpu", "20%", "--pids", str(LIMIT),
            "--smtp-per-minute", "1", "--smtp-burst", "3")
        bob = support.Account(self.agent, "bob")
        self.addCleanup(bob.delete)
        self.assertEqual(bob.show()["degraded"], [])
        forks = self.run_outside_then_add(bob, support.fork_children, 2 * LIMIT, uid=BOB_UID)
        self.assertEqual(forks.hear(), (LIMIT - 1, errno.EAGAIN))
        forks.kill()
        (bob.cgroup / "cgroup.kill").write_text("1")
        support.wait_until(lambda: bob.flat("cgroup.events")["populated"] == 0, 5, "bob's processes are gone")
        worker = self.run_outside_then_add(bob, installed.smtp_case.attempt_on_demand, uid=BOB_UID)
        self.assertEqual(self.demand(worker, 4), ["passed"] * 3 + ["EPERM"])
        self.run_outside_then_add(bob, support.spin, uid=BOB_UID)
        support.wait_until(lambda: bob.stats()["cpu"]["throttled_periods"] > 2, 5, "bob is throttled")
        self.assert_refusal_names_its_executable()

    def run_outside_then_add(self, account, work, *arguments, uid):
        """Somebody else's process is put into the account by npanelctl."""
        worker = support.Worker(work, *arguments, uid=uid)
        self.addCleanup(worker.kill)
        ctl("process", "add", account.name, str(worker.pid))
        return worker.begin()

    def assert_refusal_names_its_executable(self):
        """The sandbox lets the agent read /proc/PID/exe of a foreign process."""
        def refusals():
            return [event for event in ctl_json("events", "--account", "bob")["events"] if event["kind"] == "smtp_denied"]
        event = support.wait_until(refusals, 5, "an event smtp_denied")[0]
        self.assertEqual(event["detail"]["exe"], os.path.realpath("/proc/self/exe"))


class BootCase(installed.ServiceCase):
    def test_nothing_hosted_was_started_before_the_agent(self):
        """Of whatever of the list is here; and systemd found no cycle that it had to break."""
        def entered(unit):
            return int(shown_one("ActiveEnterTimestampMonotonic", unit) or 0)

        agent, started_later = entered(AGENT), []
        before = shown_one("Before", AGENT).split()
        for unit in (*HOSTED, "network-pre.target", "systemd-user-sessions.service"):
            self.assertIn(unit, before)
            if entered(unit):
                started_later.append(unit)
                self.assertLess(self.first_start, entered(unit), unit)
        support.info(f"the agent was there {self.first_start / 1e6:.1f} s after boot, before {', '.join(started_later)}; it runs since {agent / 1e6:.1f} s")
        self.assertTrue(started_later)
        self.assertNotIn("ordering cycle", installed.run("journalctl", "-b", "--no-pager", "_PID=1"))

    @property
    def first_start(self):
        """Of this boot, in microseconds: the cases restart it."""
        journal = installed.run("journalctl", "-b", "--no-pager", "-o", "json", "_PID=1", f"UNIT={AGENT}").splitlines()
        lines = [json.loads(line) for line in journal]
        return next(int(line["__MONOTONIC_TIMESTAMP"]) for line in lines if line["MESSAGE"].startswith("Started npanel-agent"))

    def test_since_when_in_this_boot_direct_smtp_is_limited_is_told(self):
        after_boot_ms = ctl_json("status")["smtp"]["attached_after_boot_ms"]
        with open("/proc/uptime") as uptime:
            self.assertLess(after_boot_ms, float(uptime.read().split()[0]) * 1000)
        self.assertGreater(after_boot_ms, 0)
        page = self.agent.request("GET", "/metrics").body.decode()
        seconds = re.search(r"^npanel_smtp_attached_after_boot_seconds (\S+)$", page, re.MULTILINE)
        self.assertAlmostEqual(float(seconds[1]), after_boot_ms / 1000)
        systemctl("restart", AGENT)
        self.agent.wait_until_watched()
        self.assertEqual(ctl_json("status")["smtp"]["attached_after_boot_ms"], after_boot_ms)


class MissingCase(installed.ServiceCase):
    """One bpf() fails while the agent starts. libbpf may take that for an answer about the kernel, for good."""

    def test_what_fails_at_the_start_is_tried_again(self):
        self.put_back_afterwards()
        _, worker = self.limited()
        for number in FAILING_CALLS:
            # -D: the agent stays the unit's main process.
            self.agent.change_unit("[Service]\nSystemCallFilter=\nNoNewPrivileges=no\nCapabilityBoundingSet=~\nExecStart=\n"
                                   "ExecStart=/usr/bin/strace -D -f -qq --seccomp-bpf -o /dev/null -e trace=bpf "
                                   f"-e inject=bpf:error=ENOMEM:when={number} /usr/sbin/npanel-agent\n")
            systemctl("restart", AGENT)
            support.wait_until(self.agent.is_healthy, installed.READY_SECONDS * installed.START_SCALE, "it answers")
            missing = ctl_json("status")["smtp"]["reason"] or ctl_json("status")["usage_reason"]
            began = time.monotonic()
            self.agent.restore_unit()  # for the one that makes room
            support.wait_until(self.is_whole, HEAL_SECONDS, f"all is there again after: {missing}")
            support.info(f"bpf() number {number}: {(missing or 'nothing was missing')[:90]}; whole after {time.monotonic() - began:.1f} s")
            self.assert_refused(worker)

    def is_whole(self):
        with contextlib.suppress(AssertionError):
            status = ctl_json("status")
            return status["smtp"]["attached"] and status["usage_source"] == "bpf"
        return False


class DeathCase(installed.ServiceCase):
    def setUp(self):
        super().setUp()
        self.flood = load.Flood(self)
        self.clients = load.Clients(self.agent, watched=self.flood.account)
        self.addCleanup(self.clients.clean_up)
        self.before = placement(self.flood.workers)

    def assert_nobody_noticed(self):
        self.clients.assert_all_there(self)
        self.flood.assert_held(self)
        self.assertEqual(placement(self.flood.workers), self.before)

    def test_kill_at_random_moments_loses_nothing_and_lets_nothing_through(self):
        self.put_back_afterwards()
        self.agent.change_unit(installed.NO_START_LIMIT)
        self.agent.allow_many_restarts()
        dice, seconds, by_watchdog = random.Random(SEED), [], self.agent.watchdog()["recovered_by_watchdog"]
        support.info(f"seed {SEED}")
        for _ in range(KILLS):
            time.sleep(dice.uniform(0, PAUSE_SECONDS))
            seconds.append(self.seconds_to_come_back())
        installed.show_distribution("kill -9 until /healthz answers, by systemd", seconds)
        self.assertLessEqual(max(seconds), READY_SECONDS * installed.START_SCALE)
        self.agent.wait_until_watched()
        self.assert_nobody_noticed()
        self.assertEqual(self.agent.watchdog()["recovered_by_watchdog"], by_watchdog)

    def seconds_to_come_back(self):
        killed = support.wait_until(lambda: self.agent.pid, READY_SECONDS, "the agent runs")
        began = time.monotonic()
        os.kill(killed, signal.SIGKILL)
        support.wait_until(lambda: self.agent.is_healthy() and self.agent.pid != killed, COME_BACK_SECONDS, "another agent answers")
        return time.monotonic() - began

    def test_healthy_agent_is_never_restarted_under_load(self):
        self.put_back_afterwards()
        self.agent.allow_any_cost()
        self.run_in(self.account("hog", cpu_percent=50), support.spin)
        pid, before, until = self.agent.pid, self.agent.watchdog(), time.monotonic() + LOAD_SECONDS
        slowest = 0
        while time.monotonic() < until:
            began = time.monotonic()
            self.assertTrue(self.agent.is_healthy())
            slowest = max(slowest, time.monotonic() - began)
            time.sleep(0.2)
        support.info(f"{LOAD_SECONDS} s of load: the slowest /healthz took {slowest * 1000:.0f} ms")
        after = self.agent.watchdog()
        self.assertEqual(self.agent.pid, pid)
        for feature in installed.FEATURES:
            self.assertTrue(self.agent.feature(feature)["enabled"], feature)
        for key in ("recovered_by_systemd", "recovered_by_watchdog", "restarts_last_hour", "phase"):
            self.assertEqual(after[key], before[key], key)
        self.assert_nobody_noticed()
        self.assertEqual(self.clients.broken, [])

    def test_reload_reexec_and_restart_refuse_no_client(self):
        socket = os.stat(self.agent.socket).st_ino
        for command in (("daemon-reload",), ("daemon-reexec",), ("restart", AGENT)):
            pid = self.agent.pid
            systemctl(*command)
            self.assertTrue(self.agent.is_healthy(), command)
            self.assertEqual(self.agent.pid == pid, command[0] != "restart", command)
        self.agent.wait_until_watched()
        self.assertEqual(os.stat(self.agent.socket).st_ino, socket)
        self.assert_nobody_noticed()
        self.assertEqual(self.clients.broken, [])

    def test_agent_that_turns_and_serves_nobody_is_restarted_by_systemd(self):
        """Its loop goes on, and each accept4() is refused: systemd hears of it, npanel-watchdog does not run."""
        systemctl("stop", WATCHDOG)
        self.addCleanup(self.agent.start)
        deaf = self.agent.pid
        tracer = subprocess.Popen(["strace", "-f", "-qq", "-o", "/dev/null", "-p", str(deaf), "-e", "trace=accept4",
                                   "-e", "inject=accept4:error=EMFILE"], stdin=subprocess.DEVNULL)
        self.addCleanup(tracer.wait)
        self.addCleanup(tracer.kill)
        support.wait_until(lambda: self.agent.pid not in (None, deaf), DEAF_SECONDS, "another agent runs")
        support.wait_until(self.agent.is_healthy, installed.READY_SECONDS, "it answers")
        self.assertIn("no answer over /run/npanel/", installed.run("journalctl", "-u", AGENT, "-n", "50", "--no-pager"))

    def test_socket_that_somebody_removes_is_a_complaint_and_no_reason_to_restart(self):
        """No restart of the agent would bring it back."""
        self.addCleanup(self.agent.start)
        self.addCleanup(systemctl, "restart", AGENT, installed.POLICY)
        pid = self.agent.pid
        os.unlink(POLICY)
        support.wait_until(lambda: "policy.sock leads nowhere" in str(self.agent.health()["reasons"]), DEAF_SECONDS, "it is said")
        time.sleep(RESPECT_SECONDS)  # more than WatchdogSec=
        self.assertEqual(self.agent.pid, pid)
        systemctl("restart", AGENT, installed.POLICY)
        support.wait_until(lambda: self.agent.is_healthy() and "leads nowhere" not in str(self.agent.health()["reasons"]),
                           DEAF_SECONDS, "it is there again")


class StoppedCase(installed.ServiceCase):
    def test_stop_by_an_administrator_is_respected(self):
        _, worker = self.limited()
        self.put_back_afterwards()
        systemctl("stop", SOCKET, installed.POLICY, AGENT)
        until = time.monotonic() + RESPECT_SECONDS
        while time.monotonic() < until:
            self.assertIsNone(self.agent.pid)
            time.sleep(0.2)
        self.assertEqual(installed.activities(), ["inactive", "inactive", "active", "inactive"])
        self.assertEqual(self.agent.watchdog()["phase"], "stopped")
        self.assert_refused(worker)
        systemctl("start", AGENT)  # which wants its sockets
        self.agent.wait_until_watched()
        self.assert_active()
        self.assert_refused(worker)

    def test_mta_is_answered_across_a_restart_and_nothing_is_charged_twice(self):
        self.account("bob", mail={"messages_per_hour": 6})
        with contextlib.closing(mail_case.Policy(POLICY)) as policy:
            self.assertEqual([policy.ask(sasl_username="bob") for _ in range(3)], ["DUNNO"] * 3)
        restart = subprocess.Popen(["systemctl", "restart", AGENT])
        answers = []
        while restart.poll() is None or len(answers) < 10:
            with contextlib.closing(mail_case.Policy(POLICY)) as policy, contextlib.suppress(OSError):
                answers.append(policy.ask(sasl_username="bob"))
        self.assertEqual(answers.count("DUNNO"), 3)
        self.assertTrue(answers[-1].startswith("452 4.7.1 "), answers[-1])
        self.agent.wait_until_watched()

    def test_owner_gets_a_letter_by_the_local_mta(self):
        self.account("bob", mail={"messages_per_hour": 0}, contact={"email": "root@localhost"})
        log = pathlib.Path("/var/log/exim4/mainlog")
        before = len(log.read_text()) if log.exists() else 0
        policy = mail_case.Policy(POLICY)
        self.addCleanup(policy.close)
        self.assertIn("452 4.7.1", policy.ask(sasl_username="bob"))

        def said():
            return log.read_text()[before:] if log.exists() else ""

        # Cases before this one may have left mail of their own in the queue.
        support.wait_until(lambda: "root@localhost" in installed.run("exim4", "-bp") + said(), COME_BACK_SECONDS,
                           "the MTA has taken the letter from npanel-notice.service")
        installed.run("exim4", "-qff")
        support.wait_until(lambda: "<root@localhost>" in said(), COME_BACK_SECONDS, "the MTA has delivered the letter")
        support.wait_until(lambda: not list(pathlib.Path("/var/lib/npanel/notices").iterdir()), COME_BACK_SECONDS, "no letter waits")

    def test_detach_says_only_what_it_would_do_without_yes(self):
        bob, worker = self.limited(pids_max=LIMIT)
        pid = self.agent.pid
        ctl("detach", expected=2)
        self.assertEqual(self.agent.pid, pid)
        self.assert_active()
        self.assert_refused(worker)
        self.assertEqual(bob.read("pids.max"), str(LIMIT))

    def test_detach_takes_every_limit_away_and_start_brings_it_back(self):
        bob, worker = self.limited(pids_max=LIMIT, cpu_percent=20, memory_max_bytes=64 * support.MIB)
        self.put_back_afterwards()
        ctl("detach", "--yes")
        self.assertEqual(installed.activities(), ["inactive"] * len(installed.UNITS))
        self.assert_passes(worker)
        self.assertEqual((bob.read("pids.max"), bob.read("memory.max"), bob.read("cpu.max").split()[0]), ("max",) * 3)
        self.assertFalse(self.agent.pins.exists() and any(self.agent.pins.iterdir()))
        self.assertNotIn("np_", installed.run("bpftool", "prog", "show"))
        self.assertNotIn("connect", installed.run("bpftool", "link", "show"))
        self.assertEqual(bob.read("cgroup.procs"), str(worker.pid))
        systemctl("start", AGENT, WATCHDOG)
        self.agent.wait_until_watched()
        self.assert_active()
        self.assertEqual(bob.read("pids.max"), str(LIMIT))
        self.assert_refused(worker)


def knock(pipe):
    """Connects to the policy socket as long as it lives; says what the first try brought."""
    with socket.socket(socket.AF_UNIX) as client:
        pipe.send(client.connect_ex(POLICY))
    while True:
        with socket.socket(socket.AF_UNIX) as client:
            client.connect_ex(POLICY)


class StrangersCase(installed.ServiceCase):
    """Four processes of a customer connect to the policy socket without end."""

    def flood(self, expected):
        for _ in range(4):
            self.assertEqual(self.run_outside(knock, uid=BOB_UID).hear(), expected)
        times, until = [], time.monotonic() + FLOOD_SECONDS
        with contextlib.closing(mail_case.Policy(POLICY)) as policy:
            while time.monotonic() < until:
                begun = time.monotonic()
                self.assertTrue(self.agent.is_healthy())
                times.append(time.monotonic() - begun)
                self.assertEqual(policy.ask(sasl_username="bob"), "DUNNO")
                with contextlib.closing(mail_case.Policy(POLICY)) as another:
                    self.assertEqual(another.ask(sasl_username="bob"), "DUNNO")
        installed.show_distribution("health beside four that connect", times)
        self.assertLess(sorted(times)[int(0.99 * (len(times) - 1))], HEALTH_SECONDS * support.TIME_SCALE)

    def test_customers_are_refused_by_the_kernel_and_nobody_waits(self):
        self.account("bob", mail={"messages_per_hour": 100_000})
        self.flood(errno.EACCES)

    def test_where_they_are_admitted_they_are_hung_up_on_and_nobody_waits(self):
        """As on a file system without access lists."""
        self.account("bob", mail={"messages_per_hour": 100_000})
        self.put_back_afterwards()
        os.chmod(POLICY, 0o666)
        self.addCleanup(systemctl, "restart", AGENT)
        self.flood(0)
        metrics = self.agent.request("GET", "/metrics").body.decode()
        self.assertGreater(int(re.search(r'npanel_mail_policy_hung_up_total\{reason="stranger"\} (\d+)', metrics)[1]), 0)

    def test_the_mta_of_this_host_may_connect(self):
        self.assertEqual(self.run_outside(knock, uid=pwd.getpwnam("Debian-exim").pw_uid).hear(), 0)


class TcpCase(installed.ServiceCase):
    """npanel-api.socket, which is off until somebody enables it."""

    def setUp(self):
        super().setUp()
        self.put_back_afterwards()
        self.addCleanup(systemctl, "daemon-reload")
        self.addCleanup(systemctl, "stop", AGENT, "npanel-api.socket")
        self.addCleanup(systemctl, "disable", "npanel-api.socket")

    def health(self):
        connection = http.client.HTTPConnection("127.0.0.1", HTTP_PORT, timeout=support.HTTP_SECONDS)
        with contextlib.closing(connection):
            connection.request("GET", "/healthz")
            return connection.getresponse().status

    def test_one_switch_and_systemd_holds_the_port_whether_the_agent_runs_or_not(self):
        systemctl("enable", "npanel-api.socket")
        systemctl("restart", AGENT)
        support.wait_until(self.agent.is_healthy, COME_BACK_SECONDS, "the agent answers")
        self.assertEqual(self.health(), 200)
        self.assertEqual(ctl_json("health")["reasons"], [])
        self.assertIn("\nnpanel_api_tcp_open 1\n", self.agent.request("GET", "/metrics").body.decode())
        systemctl("stop", WATCHDOG, AGENT)  # the sockets stay
        with self.assertRaises(OSError), socket.socket() as squatter:
            squatter.bind(("127.0.0.1", HTTP_PORT))
        self.assertEqual(self.health(), 200)  # who connects starts the agent

    def test_config_check_says_that_the_unit_forbids_what_the_file_asks_for(self):
        CONFIG.write_text(self.agent.config_as_installed.replace("[api]\n", '[api]\nlisten = "127.0.0.1:18443"\n'))
        said = ctl("config", "check", expected=1)
        self.assertIn("npanel-agent.service forbids 127.0.0.1:18443: RestrictAddressFamilies= without AF_INET", said)
        systemctl("restart", AGENT)
        support.wait_until(self.agent.is_healthy, COME_BACK_SECONDS, "the agent answers")
        self.assertIn("not open over TCP", " ".join(ctl_json("health")["reasons"]))
        systemctl("enable", "npanel-api.socket")
        systemctl("restart", AGENT)
        support.wait_until(self.agent.is_healthy, COME_BACK_SECONDS, "the agent answers")
        self.assertEqual(ctl("config", "check"), "ok\n")
        self.assertEqual(self.health(), 200)
