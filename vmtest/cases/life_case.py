# SPDX-License-Identifier: Apache-2.0
"""Suspend, resume, delete, create again: what do the account's processes see of it?"""
import errno
import mmap
import os
import signal
import time

import figures
import smtp_case
import support

STILL_SECONDS = 1  # how long nothing may move
COUNT_BYTES = 8
LIMIT = 64 * support.MIB


class Progress:
    """A number that a process moves on and everybody sees."""

    def __init__(self):
        self.memory = mmap.mmap(-1, COUNT_BYTES)

    def value(self):
        return int.from_bytes(self.memory[:], "little")

    def advance_for_ever(self, _pipe):
        while True:
            self.memory[:] = (self.value() + 1).to_bytes(COUNT_BYTES, "little")


def grow(progress):
    now = progress.value()
    support.wait_until(lambda: progress.value() > now, 5, "the process makes progress")


class LifeCase(support.AgentCase):
    def working_account(self):
        bob, progress = self.account(), Progress()
        worker = self.run_in(bob, progress.advance_for_ever)
        grow(progress)
        return bob, progress, worker

    def assert_stands_still(self, bob, progress):
        reached, used = progress.value(), bob.stats()["cpu"]["usage_us"]
        time.sleep(STILL_SECONDS)
        self.assertEqual(progress.value(), reached)
        self.assertEqual(bob.stats()["cpu"]["usage_us"], used)
        self.assertEqual(bob.flat("cpu.stat")["usage_usec"], used)

    def test_suspend_stops_progress_and_resume_lets_it_go_on(self):
        bob, progress, worker = self.working_account()
        self.assertEqual(bob.post("suspend")["state"], "suspended")
        support.wait_until(lambda: bob.flat("cgroup.events")["frozen"], 5, "bob is frozen")
        self.assert_stands_still(bob, progress)
        self.assertEqual(bob.post("resume")["state"], "active")
        grow(progress)
        self.assertTrue(worker.lives())

    def test_process_that_joins_a_suspended_account_stands_still(self):
        bob, progress = self.account(), Progress()
        bob.post("suspend")
        self.run_in(bob, progress.advance_for_ever)
        time.sleep(STILL_SECONDS)
        self.assertEqual(progress.value(), 0)
        bob.post("resume")
        grow(progress)

    def test_restart_of_the_agent_keeps_an_account_suspended(self):
        bob, progress, _ = self.working_account()
        bob.post("suspend")
        support.wait_until(lambda: bob.flat("cgroup.events")["frozen"], 5, "bob is frozen")
        self.agent.end()
        self.agent.start()
        self.assert_stands_still(bob, progress)

    def assert_deleted(self, bob, worker):
        bob.delete()
        self.assertEqual(worker.exit_code(), -signal.SIGKILL)
        self.assertFalse(bob.cgroup.exists())
        self.assertEqual(self.agent.request("GET", f"{bob.url}/stats").status, 404)

    def test_delete_kills_and_removes(self):
        bob, _, worker = self.working_account()
        self.assert_deleted(bob, worker)

    def test_delete_kills_what_is_suspended(self):
        bob, _, worker = self.working_account()
        bob.post("suspend")
        self.assert_deleted(bob, worker)

    def test_delete_takes_nested_cgroups_along(self):
        bob, _, worker = self.working_account()
        nested = bob.cgroup / "child" / "grandchild"
        nested.mkdir(parents=True)
        (nested / "cgroup.procs").write_text(str(worker.pid))
        self.assert_deleted(bob, worker)

    def test_account_with_an_old_name_starts_at_zero(self):
        bob = self.used_account()
        bob.delete()
        again = self.account(smtp={"per_minute": 60, "burst": 3})
        stats = again.stats()
        for field in figures.FIELDS:
            if field.counts:
                self.assertEqual(field.of(stats), 0, field.path)
        self.assertEqual(stats["smtp"], smtp_case.counts())
        self.assertEqual(set(stats["mail"].values()), {0})

    def used_account(self):
        """Counters of cpu, memory and pids that are not zero."""
        bob = self.account(cpu_percent=20, pids_max=10)
        _, refused = self.run_in(bob, support.fork_children, 20).hear()
        self.assertEqual(refused, errno.EAGAIN)
        stats = bob.stats()
        self.assertGreater(stats["cpu"]["usage_us"], 0)
        self.assertGreater(stats["pids"]["refused"], 0)
        return bob
