# SPDX-License-Identifier: Apache-2.0
"""Which configuration is in force, by its effect: layers, reloads under load, a mistake in a file, a rollback?"""
import os
import pathlib
import signal
import subprocess
import time

import installed
import load
import smtp_case
import support
from installed import CONFIG, ctl, ctl_json
from smtp_case import PASSED, REFUSED

FEATURES = (*support.LIMITING, "graceful_reloads", "config_layering")
OTHER_FEATURES = ("graceful_reloads", "config_layering")
USAGE = 2  # npanelctl's exit code
MAIL, OTHER, THIRD = 25, 2525, 2526
RELOADS = 8
RELOAD_PAUSE_SECONDS = 0.5
APPLIED_SECONDS = 5
LIMIT = 32


def ports(*numbers):
    return f"[smtp]\nports = {list(numbers)}\n"


def attempt_ports(pipe):
    """Says for each port that it hears how a connect() went."""
    while True:
        pipe.send(smtp_case.outcome(smtp_case.by_connect, smtp_case.V4, pipe.recv()))


class ConfigCase(support.AgentCase):
    features = FEATURES

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        for port in (MAIL, OTHER, THIRD):
            cls.addClassCleanup(smtp_case.listen(port).close)

    def setUp(self):
        super().setUp()
        self.file = self.agent.config_path
        self.drop_ins = self.file.parent / "agent.d"
        self.drop_ins.mkdir(exist_ok=True)
        self.addCleanup(self.put_back, self.file.read_text())
        self.worker = self.run_in(self.account(smtp={"per_minute": 0}), attempt_ports)

    def put_back(self, text):
        self.file.write_text(text)
        for path in self.drop_ins.iterdir():
            path.unlink()
        self.reload()

    def drop_in(self, name, text):
        (self.drop_ins / name).write_text(text)

    def reload(self):
        return self.agent.ask("POST", "/api/v1/reload")

    def verdict(self, port):
        self.worker.pipe.send(port)
        return self.worker.hear()

    def limited_ports(self):
        return [port for port in (MAIL, OTHER, THIRD) if self.verdict(port) == REFUSED]

    def value(self, key):
        return next(value for value in self.agent.ask("GET", "/api/v1/config")["values"] if value["key"] == key)

    def npanelctl(self, *arguments, expected=0):
        ran = subprocess.run(["npanelctl", "--socket", self.agent.socket, *arguments], stdin=subprocess.DEVNULL,
                             capture_output=True, text=True, timeout=support.HTTP_SECONDS * support.TIME_SCALE)
        self.assertEqual(ran.returncode, expected, ran.stdout + ran.stderr)
        return ran.stdout + ran.stderr


class LayersCase(ConfigCase):
    def test_drop_in_changes_which_ports_are_limited(self):
        self.assertEqual(self.limited_ports(), [MAIL])
        self.drop_in("10-ports.toml", ports(OTHER))
        report = self.reload()
        self.assertEqual((report["changed"], report["needs_restart"]), (["smtp.ports"], []))
        self.assertEqual(self.limited_ports(), [OTHER])
        denied = self.agent.ask("GET", "/api/v1/accounts/bob/stats")["smtp"]["denied"]
        self.assertEqual(self.verdict(OTHER), REFUSED)
        self.assertEqual(self.agent.ask("GET", "/api/v1/accounts/bob/stats")["smtp"]["denied"], denied + 1)

    def test_later_drop_in_hides_the_one_before_it_and_that_hides_the_file(self):
        self.file.write_text(self.file.read_text() + ports(MAIL))
        self.drop_in("10-ports.toml", ports(OTHER))
        self.drop_in("20-ports.toml", "# npanel\n" + ports(THIRD))
        self.drop_in(".hidden.toml", ports(MAIL))
        self.drop_in("30-ports.toml.rpmsave", ports(MAIL))
        self.reload()
        self.assertEqual(self.limited_ports(), [THIRD])
        value = self.value("smtp.ports")
        self.assertEqual((value["value"], value["origin"]), (f"[{THIRD}]", f"{self.drop_ins}/20-ports.toml:3"))
        self.assertEqual([one["value"] for one in value["hidden"]], [f"[{OTHER}]", f"[{MAIL}]", "[25, 465, 587]"])
        (self.drop_ins / "20-ports.toml").unlink()
        self.reload()
        self.assertEqual(self.limited_ports(), [OTHER])

    def test_defaults_of_a_drop_in_hold_for_new_accounts(self):
        self.drop_in("10-defaults.toml", f"[defaults.limits]\npids_max = {LIMIT}\n")
        self.assertEqual(self.reload()["changed"], ["defaults.limits.pids_max"])
        self.agent.ask("POST", "/api/v1/accounts", {"name": "ann"})
        ann = support.Account(self.agent, "ann")
        self.addCleanup(ann.delete)
        self.assertEqual(ann.read("pids.max"), str(LIMIT))
        self.assertEqual(self.agent.ask("GET", "/api/v1/accounts/bob")["limits"]["pids_max"], None)


class ReloadCase(ConfigCase):
    def version(self):
        return self.agent.ask("GET", "/api/v1/config")["version"]

    def test_sighup_and_npanelctl_reload_apply(self):
        pid = self.agent.pid
        self.drop_in("10-ports.toml", ports(OTHER))
        os.kill(pid, signal.SIGHUP)
        support.wait_until(lambda: self.limited_ports() == [OTHER], APPLIED_SECONDS, "SIGHUP has put the drop-in in force")
        self.drop_in("10-ports.toml", ports(THIRD))
        self.assertIn("smtp.ports", self.npanelctl("reload"))
        self.assertEqual(self.limited_ports(), [THIRD])
        self.assertEqual(self.agent.pid, pid)
        self.assertTrue(self.agent.runs())

    def test_mistake_changes_nothing_and_is_told_with_file_line_and_key(self):
        version = self.version()
        mistakes = (("[smtp]\nportz = [2525]\n", 2, "smtp.portz", "did you mean smtp.ports"),
                    ("[smtp]\nports = [2525, 70000]\n", 2, "smtp.ports", "from 1 to 65535"),
                    (ports(OTHER) + "[watchdog]\ninterval_seconds = 0\n", 4, "watchdog.interval_seconds", "from 1 to 60"),
                    (ports(OTHER) + "= 1\n", 3, "", ""))
        for text, line, key, hint in mistakes:
            with self.subTest(file=text):
                self.drop_in("10-wrong.toml", text)
                answer = self.agent.request("POST", "/api/v1/reload")
                self.assertEqual(answer.status, 400, answer.body)
                for words in (f"{self.drop_ins}/10-wrong.toml:{line}", key, hint):
                    self.assertIn(words, answer.json()["detail"])
                self.assertIn(f"10-wrong.toml:{line}", self.npanelctl("reload", expected=1))
                self.assertEqual(self.limited_ports(), [MAIL])
                self.assertEqual(self.version(), version)

    def test_mistake_at_sighup_is_told_in_the_log_and_changes_nothing(self):
        self.drop_in("10-wrong.toml", "[smtp]\nportz = [2525]\n")
        os.kill(self.agent.pid, signal.SIGHUP)
        support.wait_until(lambda: "10-wrong.toml:2" in self.agent.log(), APPLIED_SECONDS, "the log tells the mistake")
        self.assertTrue(self.agent.runs())
        self.assertEqual(self.limited_ports(), [MAIL])

    def test_reloads_under_load_break_no_client_and_let_nothing_through(self):
        flood = load.Flood(self)
        clients = load.Clients(self.agent, watched=flood.account)
        self.addCleanup(clients.clean_up)
        pid = self.agent.pid
        for number in range(RELOADS):
            self.drop_in("10-ports.toml", ports(MAIL, *[OTHER][:number % 2]))
            self.assertEqual(self.reload()["changed"], ["smtp.ports"])
            self.assertEqual(self.verdict(OTHER), REFUSED if number % 2 else PASSED)
            time.sleep(RELOAD_PAUSE_SECONDS)
        self.assertEqual(self.agent.pid, pid)
        clients.assert_all_there(self)
        flood.assert_held(self)
        self.assertEqual(clients.broken, [])

    def test_what_needs_a_restart_is_told_and_not_half_applied(self):
        self.file.write_text(self.file.read_text().replace(f'cgroup = "{support.TOP_CGROUP}"', 'cgroup = "npanel-elsewhere"'))
        self.drop_in("10-ports.toml", ports(OTHER))
        report = self.reload()
        self.assertEqual((report["changed"], report["needs_restart"]), (["smtp.ports"], ["paths.cgroup"]))
        self.assertEqual(self.limited_ports(), [OTHER])
        self.assertEqual(self.agent.status()["cgroup_path"], str(self.agent.cgroup))
        ann = self.account("ann", pids_max=LIMIT)
        self.assertEqual(ann.read("pids.max"), str(LIMIT))
        self.assertFalse((self.agent.cgroup.parent / "npanel-elsewhere").exists())
        self.assertTrue(self.value("paths.cgroup")["needs_restart"])


class RollbackCase(installed.ServiceCase):
    """On the installed service: npanelctl puts back the files below /etc/npanel."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.addClassCleanup(smtp_case.listen(OTHER).close)
        cls.agent.enable(*OTHER_FEATURES)

    def setUp(self):
        super().setUp()
        self.drop_in = pathlib.Path(f"{CONFIG.parent}/{CONFIG.stem}.d/50-vmtest.toml")
        self.drop_in.parent.mkdir(exist_ok=True)
        self.addCleanup(self.put_back)
        self.worker = self.run_in(self.account(smtp={"per_minute": 0}), attempt_ports)

    def put_back(self):
        self.drop_in.unlink(missing_ok=True)
        for aside in self.drop_in.parent.glob("*.rolled-back"):
            aside.unlink()
        CONFIG.write_text(self.agent.config_as_installed)
        ctl("reload")

    def verdict(self, port):
        self.worker.pipe.send(port)
        return self.worker.hear()

    def test_rollback_puts_files_and_effect_back(self):
        first = ctl_json("reload")["version"]
        self.drop_in.write_text(ports(OTHER))
        second = ctl_json("reload")["version"]
        self.assertGreater(second, first)
        self.assertEqual([self.verdict(MAIL), self.verdict(OTHER)], [PASSED, REFUSED])
        versions = [version["id"] for version in ctl_json("config", "versions")["versions"]]
        self.assertEqual(versions[:2], [second, first])

        ctl("config", "rollback", expected=USAGE)  # only tells what it would do
        self.assertTrue(self.drop_in.exists())
        self.assertEqual(self.verdict(OTHER), REFUSED)

        ctl("config", "rollback", "--yes")
        self.assertFalse(self.drop_in.exists())
        self.assertEqual([self.verdict(MAIL), self.verdict(OTHER)], [REFUSED, PASSED])
        self.assertEqual(CONFIG.read_text(), self.agent.config_as_installed)

        ctl("config", "rollback", str(second), "--yes")
        self.assertEqual(self.drop_in.read_text(), ports(OTHER))
        self.assertEqual([self.verdict(MAIL), self.verdict(OTHER)], [PASSED, REFUSED])

    def test_rollback_mends_what_a_mistake_would_have_kept_from_starting(self):
        good = ctl_json("reload")["version"]
        self.drop_in.write_text("[smtp]\nportz = [25]\n")
        ctl("reload", expected=1)
        self.assertEqual(self.verdict(MAIL), REFUSED)
        ctl("config", "rollback", str(good), "--yes")
        ctl("config", "check")
        self.assertEqual(self.verdict(MAIL), REFUSED)
