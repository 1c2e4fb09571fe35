# SPDX-License-Identifier: Apache-2.0
"""What the cases about the installed package share: its services as systemd runs them, and how these are put back."""
import contextlib
import json
import os
import pathlib
import statistics
import subprocess

import smtp_case
import support

AGENT, SOCKET, WATCHDOG = "npanel-agent.service", "npanel-agent.socket", "npanel-watchdog.service"
POLICY = "npanel-policy.socket"
UNITS = (SOCKET, AGENT, WATCHDOG, POLICY)
PACKAGE = "npanel-agent"
FEATURES = (*support.LIMITING, "agent_watchdog")
CONFIG = pathlib.Path("/etc/npanel/agent.toml")
STATE = pathlib.Path("/var/lib/npanel")
DATABASE = STATE / "npanel.db"
MEMORY = STATE / "watchdog.json"
PACKAGES = pathlib.Path("/opt/npanel/debs")
DROP_IN = pathlib.Path(f"/run/systemd/system/{AGENT}.d/vmtest.conf")

READY_SECONDS = 15
START_SCALE = 10  # of a service's start: sandbox, dynamic linking, the kernel's types; emulation has to translate all of it
COMMAND_SECONDS = 75  # dpkg --install takes 28 s here, and five times that while the host compiles
FEW, MANY = "restarts_per_hour = 5 ", "restarts_per_hour = 1000 "
NO_START_LIMIT = "[Unit]\nStartLimitIntervalSec=0\n"
NO_RESTART = "[Service]\nRestart=no\n"


def count(variable, default):
    """How often or how long: short unless the environment asks for the full count."""
    return int(os.environ.get(variable, default))


def run(*command, expected=0):
    """The standard output of a command whose exit code is the expected one."""
    ran = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True,
                         timeout=COMMAND_SECONDS * support.TIME_SCALE)
    if ran.returncode != expected:
        raise AssertionError(f"{' '.join(command)}: exit code {ran.returncode}\n{ran.stdout}{ran.stderr}")
    return ran.stdout


def ctl(*arguments, expected=0):
    return run("npanelctl", *arguments, expected=expected)


def ctl_json(*arguments):
    return json.loads(ctl(*arguments, "--json"))


def systemctl(*arguments):
    return run("systemctl", *arguments)


def shown(what, *units):
    return systemctl("show", "--value", "-p", what, *units).split()


def activities():
    """Of our units, in the order of UNITS."""
    return shown("ActiveState", *UNITS)


def show_distribution(what, seconds):
    ordered = sorted(seconds)
    support.info(f"{what}: {len(ordered)} times, seconds: least {ordered[0]:.2f}, median {statistics.median(ordered):.2f}, "
                 f"95 % {ordered[int(0.95 * (len(ordered) - 1))]:.2f}, most {ordered[-1]:.2f}")


def placement(workers):
    """Which cgroup is each process in?"""
    return {worker.pid: pathlib.Path(f"/proc/{worker.pid}/cgroup").read_text() for worker in workers}


class Service(support.Agent):
    """The npanel-agent that the package has installed, and its watchdog."""

    def __init__(self):  # no directory of its own: everything is where the package puts it
        self.cgroup = support.mount_point("cgroup2") / "npanel"
        self.pins = support.mount_point("bpf") / "npanel"
        self.socket = "/run/npanel/agent.sock"
        self.watchdog_socket = "/run/npanel/watchdog.sock"
        self.main_processes = support.mount_point("cgroup2") / "npanel.slice" / AGENT / "cgroup.procs"
        self.config_as_installed = CONFIG.read_text()

    @property
    def pid(self):
        """Of the process that serves, from its cgroup: asking systemctl takes half a second here; None when there is none."""
        with contextlib.suppress(OSError):
            for processes in self.cgroup.parent.glob(f"*.slice/{AGENT}/cgroup.procs"):
                for pid in processes.read_text().split():
                    if pathlib.Path(f"/proc/{pid}/comm").read_text().strip() == "npanel-agent":
                        return int(pid)
        return None

    def runs(self):
        return self.is_watched() and self.is_healthy()

    def is_healthy(self):
        with contextlib.suppress(OSError):
            return self.request("GET", "/healthz").status == 200
        return False

    def ask_watchdog(self, path):
        with contextlib.closing(support.UnixConnection(self.watchdog_socket)) as connection:
            connection.request("GET", path)
            return support.Answer(connection.getresponse())

    def watchdog(self):
        return self.ask_watchdog("/status").json()

    def is_watched(self):
        with contextlib.suppress(OSError):
            status = self.watchdog()
            return status["phase"] == "watching" and status["agent_healthy"] and status["mode"] == "enforce"
        return False

    def wait_until_watched(self):
        support.wait_until(self.is_watched, READY_SECONDS, "the watchdog finds the agent healthy")

    def start(self):
        """Puts back whatever a case has changed: units, configuration, what the watchdog remembers; all of it runs."""
        if DROP_IN.exists():
            self.restore_unit()
        systemctl("stop", WATCHDOG)  # before the rest: it would act on it
        CONFIG.write_text(self.config_as_installed)
        MEMORY.unlink(missing_ok=True)
        systemctl("reset-failed", *UNITS)
        systemctl("start", *UNITS)
        self.get_ready()

    def get_ready(self):
        support.wait_until(self.is_healthy, READY_SECONDS, "the agent answers")
        self.enable(*FEATURES)
        self.wait_until_watched()

    def end(self, *_):
        raise AssertionError("systemd ends this one")

    def clean_up(self):
        if not self.runs():
            self.start()
        for account in self.ask("GET", "/api/v1/accounts")["accounts"]:
            support.Account(self, account["name"]).delete()

    def change_unit(self, text):
        DROP_IN.parent.mkdir(exist_ok=True)
        DROP_IN.write_text(text)
        systemctl("daemon-reload")

    def restore_unit(self):
        DROP_IN.unlink()
        systemctl("daemon-reload")

    def allow_many_restarts(self):
        CONFIG.write_text(self.config_as_installed.replace(f"#{FEW}", MANY))
        systemctl("restart", WATCHDOG)
        self.wait_until_watched()

    def allow_any_cost(self):
        """In emulation everything takes many times as long: within the overhead's five minutes a feature would switch itself off."""
        text = self.config_as_installed
        for key in ("agent_percent", "kernel_percent"):
            text = text.replace(f"#{key} = 1.0", f"{key} = 100.0")
        CONFIG.write_text(text)
        systemctl("restart", AGENT)
        self.wait_until_watched()

    def log(self):
        return run("journalctl", "--no-pager", "-o", "short-monotonic", "-n", "100", "-u", "npanel-agent*", "-u", WATCHDOG)


class ServiceCase(support.AgentCase):
    """On the installed services, which every test leaves as it found them."""

    @classmethod
    def setUpClass(cls):
        cls.agent = Service()
        cls.addClassCleanup(cls.agent.clean_up)
        cls.agent.get_ready()
        cls.addClassCleanup(smtp_case.listen(25).close)

    def put_back_afterwards(self):
        """To be called when the accounts are made: clean-ups run last in, first out, and deleting needs the agent."""
        self.addCleanup(self.agent.start)

    def limited(self, name="bob", **limits):
        """An account without direct SMTP, and a process in it that connects when it is told to."""
        account = self.account(name, smtp={"per_minute": 0}, **limits)
        worker = self.run_in(account, smtp_case.attempt_on_demand)
        self.assert_refused(worker)
        return account, worker

    def demand(self, worker, attempts):
        worker.pipe.send(attempts)
        return worker.hear()

    def assert_refused(self, worker):
        self.assertEqual(self.demand(worker, 2), [smtp_case.REFUSED] * 2)

    def assert_passes(self, worker):
        self.assertEqual(self.demand(worker, 2), [smtp_case.PASSED] * 2)

    def assert_active(self):
        self.assertEqual(activities(), ["active"] * len(UNITS))
