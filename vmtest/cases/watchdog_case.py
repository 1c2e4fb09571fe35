# SPDX-License-Identifier: Apache-2.0
"""The watchdog alone: does it bring a dead or hanging agent back, stop when it is enough, and say so?"""
import ctypes
import datetime
import os
import re
import signal
import subprocess
import time

import installed
import support
from installed import AGENT, WATCHDOG, ctl_json, systemctl

TIMES = installed.count("NPANEL_VM_WATCHDOG_KILLS", 2)
RECOVER_SECONDS = 10  # in emulation without what runs by the clock and leaves too little of it for the start:
NOTICE_SECONDS = 6  # the watchdog's interval and its deadline
RESTARTS_PER_HOUR = 5
STOP_SECONDS = 3  # TimeoutStopSec= of the agent
GIVE_UP_SECONDS = 20
PTRACE_SEIZE, PTRACE_INTERRUPT, WAIT_FOR_ALL = 0x4206, 0x4207, 0x40000000
ENDED = ("inactive", "failed")  # failed: systemd's own limit was faster
LAST_SIGN = datetime.timedelta(seconds=5)  # of life: when a hang began; at most one check before
TAKEN_SECONDS = 10  # the agent fetches what the watchdog has written down every 5 s
DIES_AT_START = "[Service]\nExecStart=\nExecStart=/usr/bin/sh -c 'kill -SEGV $$$$'\n"


def kill(pid):
    os.kill(pid, signal.SIGKILL)


def stop(pid):
    os.kill(pid, signal.SIGSTOP)


def hold(pipe, pid):
    """Stops a process so that nothing but SIGKILL gets through, and reports its death as a parent would."""
    ptrace = ctypes.CDLL(None, use_errno=True).ptrace
    ptrace.argtypes = (ctypes.c_long, ctypes.c_int, ctypes.c_void_p, ctypes.c_void_p)
    for request in (PTRACE_SEIZE, PTRACE_INTERRUPT):
        if ptrace(request, pid, None, None) != 0:
            raise OSError(ctypes.get_errno(), "ptrace")
    pipe.send("held")
    while not os.WIFSIGNALED(os.waitpid(pid, WAIT_FOR_ALL)[1]):
        pass


class AloneCase(installed.ServiceCase):
    """systemd does not restart the agent. That a client connects would start it, so nobody does before it is back."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.addClassCleanup(cls.agent.start)
        cls.agent.change_unit(installed.NO_RESTART)
        cls.agent.allow_many_restarts()

    def seconds_to_recover(self, spoil, worker, more_tries=2):
        before, pid = self.agent.watchdog(), self.agent.pid
        began = time.monotonic()
        spoil(pid)
        until = began + 2 * RECOVER_SECONDS * support.TIME_SCALE
        while (after := self.agent.watchdog())["recovered_by_watchdog"] == before["recovered_by_watchdog"]:
            self.assertLess(time.monotonic(), until, f"pid {pid}, then {self.agent.pid}; the watchdog says {after}")
            if more_tries and time.monotonic() > began + RECOVER_SECONDS + STOP_SECONDS and self.was_not_missed(pid, after):
                return self.seconds_to_recover(spoil, worker, more_tries - 1)
            time.sleep(support.POLL_SECONDS)
        seconds = time.monotonic() - began
        self.assertNotEqual(self.agent.pid, pid)
        self.assertTrue(self.agent.is_healthy())
        self.assertEqual(self.agent.watchdog()["recovered_by_systemd"], before["recovered_by_systemd"])
        self.assert_refused(worker)
        return seconds

    def was_not_missed(self, pid, status):
        """A check that comes in the moment after the death is a connect like any other: systemd starts the agent for it."""
        started = self.agent.pid not in (None, pid) and status["phase"] == "watching" and status["agent_healthy"]
        if started:
            support.info("systemd started the agent for a client before the watchdog looked: once more")
        return started

    def assert_recovers(self, spoil, what, reason, notice=0):
        most = notice + RECOVER_SECONDS
        _, worker = self.limited()
        began = datetime.datetime.now(datetime.UTC)
        seconds = [self.seconds_to_recover(spoil, worker) for _ in range(TIMES)]
        installed.show_distribution(f"{what} until the agent answers, by the watchdog alone", seconds)
        self.assertLess(max(seconds), most)
        for failure in support.wait_until(lambda: self.failures(began, reason), TAKEN_SECONDS, f"{TIMES} failures are told"):
            self.assertEqual(failure["recovered_by"], "watchdog")
            self.assertLess(failure["recovery_seconds"], most)
            self.assertRegex("\n".join(failure["log"]), "ready, version")

    def failures(self, began, reason):
        """Those of this test, when there are as many as there were signals."""
        found = [failure for failure in ctl_json("failures", "--limit", "1000")["failures"]
                 if datetime.datetime.fromisoformat(failure["time"]) > began - LAST_SIGN and re.search(reason, failure["reason"])]
        return found if len(found) == TIMES else None

    def test_killed_agent_is_back_within_ten_seconds(self):
        self.assert_recovers(kill, "kill -9", "SIGKILL")

    def test_hanging_agent_is_back_within_ten_seconds(self):
        self.assert_recovers(stop, "SIGSTOP", "no answer", NOTICE_SECONDS)

    def test_hanging_agent_that_is_deaf_to_sigterm_is_back_too(self):
        self.assert_recovers(self.hold, "a hang without an ear for SIGTERM", "no answer", NOTICE_SECONDS + STOP_SECONDS)

    def hold(self, pid):
        """Unlike after SIGSTOP, which systemd lifts together with its SIGTERM."""
        self.assertEqual(self.run_outside(hold, pid).hear(), "held")

    def test_restarted_watchdog_remembers_the_restarts(self):
        _, worker = self.limited()
        self.seconds_to_recover(kill, worker)
        before = self.agent.watchdog()
        self.assertGreater(before["restarts_last_hour"], 0)
        systemctl("restart", WATCHDOG)
        self.agent.wait_until_watched()
        after = self.agent.watchdog()
        for key in ("restarts_last_hour", "recovered_by_systemd", "recovered_by_watchdog"):
            self.assertEqual(after[key], before[key], key)


class CrashLoopCase(installed.ServiceCase):
    def test_crash_loop_ends_after_five_restarts_and_says_so(self):
        _, worker = self.limited()
        self.put_back_afterwards()
        self.agent.change_unit(DIES_AT_START)
        kill(self.agent.pid)
        support.wait_until(lambda: self.agent.watchdog()["phase"] == "gave_up", GIVE_UP_SECONDS, "the watchdog gives up")
        support.wait_until(lambda: installed.activities()[0] in ("inactive", "failed"), GIVE_UP_SECONDS, "the socket is stopped")
        status = ctl_json("watchdog")
        self.assertEqual((status["phase"], status["agent_healthy"], status["restarts_last_hour"]), ("gave_up", False, RESTARTS_PER_HOUR))
        self.assertIn("stays stopped", self.agent.log())
        self.assert_metrics_say_so()
        self.assert_refused(worker)
        self.assertIn(installed.activities()[1], ENDED)
        self.agent.restore_unit()
        systemctl("start", AGENT)
        self.agent.wait_until_watched()
        self.assertEqual(self.agent.watchdog()["restarts_last_hour"], 0)
        self.assert_active()
        self.assert_refused(worker)

    def assert_metrics_say_so(self):
        text = self.agent.ask_watchdog("/metrics").body
        values = dict(line.rsplit(" ", 1) for line in text.decode().splitlines() if not line.startswith("#"))
        self.assertEqual((values["npanel_agent_health_status"], values["npanel_watchdog_gave_up"]), ("0", "1"))
        ran = subprocess.run(["promtool", "check", "metrics"], input=text, capture_output=True)
        self.assertEqual((ran.returncode, ran.stdout, ran.stderr), (0, b"", b""))
