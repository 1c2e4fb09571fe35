# SPDX-License-Identifier: Apache-2.0
"""The disk is full or read-only, the database is damaged or gone: are accounts still limited, and does it heal by itself?"""
import contextlib
import errno
import os
import shutil
import signal
import subprocess
import time

import smtp_case
import support

DISK_BYTES = 2 * support.MIB
LIMIT = 32
PAGE_BYTES = 4096
HEAL_SECONDS = 10
BACKUP_SECONDS = 10
MANY_CHANGES = 2000  # more than what SQLite can still write into space that it has already


class AgentOnDisk(support.Agent):
    """Its database is on a file system of its own, 2 MiB large."""

    def __init__(self):
        super().__init__()
        self.disk = self.directory / "disk"
        self.disk.mkdir()
        self.mount("size=" + str(DISK_BYTES))
        self.database = self.disk / "npanel.db"
        self.config_path.write_text(self._paths().replace(f"{self.directory}/npanel.db", str(self.database)))

    def mount(self, options):
        subprocess.run(["mount", "-t", "tmpfs", "-o", options, "npanel-vmtest", self.disk], check=True)

    def remount(self, how):
        subprocess.run(["mount", "-o", f"remount,{how}", self.disk], check=True)

    def fill(self):
        """Not a byte is free."""
        with open(self.disk / "filler", "ab", buffering=0) as file:
            for piece in (64 << 10, PAGE_BYTES, 1):
                with contextlib.suppress(OSError):
                    while True:
                        file.write(bytes(piece))

    def make_room(self):
        (self.disk / "filler").unlink()

    def clean_up(self):
        try:
            self.end()
        finally:
            subprocess.run(["umount", "--lazy", self.disk], check=True)
            super().clean_up()


class DatabaseCase(support.AgentCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.addClassCleanup(smtp_case.listen(25).close)

    def setUp(self):
        """Each test spoils its database: each has an agent of its own."""
        self.agent = self.make_agent()
        self.addCleanup(self.agent.clean_up)
        self.agent.start()
        self.bob = self.agent.create("bob", smtp={"per_minute": 0}, pids_max=LIMIT)
        self.connects = self.run_in(self.bob, smtp_case.attempt_on_demand)
        self.assertEqual(self.demand(2), [smtp_case.REFUSED] * 2)

    def demand(self, attempts):
        self.connects.pipe.send(attempts)
        return self.connects.hear()

    def assert_limited(self):
        """By effect; the process was put into the account before the trouble began."""
        self.assertEqual(self.demand(2), [smtp_case.REFUSED] * 2)
        forks = support.Worker(fork_in, self.bob.cgroup, 2 * LIMIT).begin()
        children, refused = forks.hear()
        self.assertEqual(refused, errno.EAGAIN)
        self.assertEqual(children + 2, LIMIT)  # and the two processes that are there
        for pid in self.bob.read("cgroup.procs").split():
            if int(pid) != self.connects.pid:
                os.kill(int(pid), signal.SIGKILL)
        support.wait_until(lambda: self.bob.read("cgroup.procs") == str(self.connects.pid), 5, "the forks are gone")
        forks.exit_code()

    def assert_degraded(self, words):
        health = self.agent.health()
        self.assertEqual(health["status"], "degraded")
        self.assertRegex(" ".join(health["reasons"]), words)

    def change(self, pids):
        return self.agent.request("PATCH", self.bob.url, {"limits": {"pids_max": pids}})

    def assert_change_refused(self, words):
        """Until SQLite needs new space it may accept some; what it accepts must be in force."""
        for i in range(MANY_CHANGES):
            answer = self.change(LIMIT + 1 + i % 2)
            if answer.status != 200:
                break
            self.assertEqual(self.bob.read("pids.max"), str(LIMIT + 1 + i % 2))
        self.assertEqual(answer.status, 503, answer.body)
        self.assertRegex(answer.json()["detail"], words)
        support.info(f"{i} changes were accepted before: {answer.json()['detail']}")

    def assert_heals(self):
        began = time.monotonic()
        support.wait_until(lambda: self.change(2 * LIMIT).status == 200, HEAL_SECONDS, "a change is accepted")
        accepted = time.monotonic() - began
        with contextlib.suppress(AssertionError):  # the next line says what is the matter
            support.wait_until(lambda: self.agent.health()["status"] == "ok", HEAL_SECONDS, "nothing is degraded")
        self.assertEqual(self.agent.health(), {"status": "ok", "reasons": []})
        support.info(f"room: a change was accepted after {accepted:.1f} s, nothing was degraded after {time.monotonic() - began:.1f} s")
        self.assertEqual(self.bob.read("pids.max"), str(2 * LIMIT))
        self.assertEqual(self.change(LIMIT).status, 200)
        self.assertEqual(self.bob.read("pids.max"), str(LIMIT))


def fork_in(pipe, cgroup, most):
    (cgroup / "cgroup.procs").write_text(str(os.getpid()))
    support.fork_children(pipe, most)


def rest_in(pipe, cgroup):
    (cgroup / "cgroup.procs").write_text(str(os.getpid()))
    pipe.send("there")
    signal.pause()


class DiskCase(DatabaseCase):
    make_agent = AgentOnDisk

    def test_full_disk_refuses_changes_and_heals_without_a_restart(self):
        self.agent.fill()
        self.assert_change_refused("full")
        support.wait_until(lambda: self.agent.health()["status"] == "degraded", 5, "the health says that it is degraded")
        self.assert_degraded("full")
        pid = self.agent.pid
        self.assertEqual(self.bob.show()["name"], "bob")
        self.agent.make_room()
        self.assert_heals()
        self.assertEqual(self.agent.pid, pid)
        self.assert_limited()

    def start_again(self, spoil):
        self.agent.end(signal.SIGKILL)
        spoil()
        self.assertEqual(self.demand(2), [smtp_case.REFUSED] * 2)
        self.agent.start()
        self.assertEqual(self.bob.show()["limits"]["pids_max"], LIMIT)
        self.assert_limited()

    def test_agent_starts_on_a_full_disk_and_heals(self):
        self.start_again(self.agent.fill)
        self.assert_degraded("full")
        self.assert_change_refused("full")
        self.agent.make_room()
        self.assert_heals()
        self.assert_limited()

    def test_agent_starts_on_a_read_only_disk_and_heals(self):
        self.start_again(lambda: self.agent.remount("ro"))
        self.assert_degraded("read-only")
        self.assert_change_refused("read-only")
        self.agent.remount("rw")
        self.assert_heals()
        self.assert_limited()


class DamageCase(DatabaseCase):
    make_agent = support.Agent

    def setUp(self):
        super().setUp()
        self.database = self.agent.directory / "npanel.db"
        self.backups = self.agent.directory / "backups"

    def others(self):
        for i in range(10):
            self.agent.create(f"other-{i}", pids_max=100 + i)

    def accounts(self):
        return {one["name"]: one["limits"]["pids_max"] for one in self.agent.ask("GET", "/api/v1/accounts")["accounts"]}

    def damage(self):
        """Random bytes over all but the first and the last page; what was in the -wal is in the file by then."""
        pages = self.database.stat().st_size // PAGE_BYTES
        self.assertGreater(pages, 3)
        with self.database.open("r+b") as file:
            file.seek(PAGE_BYTES)
            file.write(os.urandom((pages - 2) * PAGE_BYTES))

    def assert_repaired(self):
        kept = list(self.agent.directory.glob("npanel.db.damaged-*"))
        self.assertTrue(kept, os.listdir(self.agent.directory))
        events = self.agent.ask("GET", "/api/v1/events?limit=1000")["events"]
        repairs = [event["detail"] for event in events if event["kind"] == "database_repaired"]
        self.assertTrue(repairs)
        support.info(f"repaired: {repairs[0]['repair']}")

    def test_damaged_database_is_kept_aside_and_the_backup_takes_its_place(self):
        self.others()
        self.agent.end()  # a new start makes a backup of all of it
        self.agent.start()
        before = self.accounts()
        support.wait_until(lambda: list(self.backups.glob("npanel-*.db")), BACKUP_SECONDS, "there is a backup")
        self.agent.end()
        self.damage()
        self.assertEqual(self.demand(2), [smtp_case.REFUSED] * 2)
        self.agent.start()
        self.assert_repaired()
        self.assertEqual(self.accounts(), before)
        self.assertEqual(self.bob.show()["degraded"], [])
        self.assert_limited()
        self.assertEqual(self.change(LIMIT).status, 200)

    def test_deleted_database_keeps_what_the_kernel_holds(self):
        self.agent.end()
        for path in self.agent.directory.glob("npanel.db*"):
            path.unlink()
        shutil.rmtree(self.backups, ignore_errors=True)
        self.agent.start()
        self.assertEqual(self.accounts(), {"bob": LIMIT})
        self.assert_degraded("npanelctl accounts lost")
        self.assert_limited()
        self.assertEqual(self.bob.read("pids.max"), str(LIMIT))

    def lose_what_is_newer_than_the_backup(self):
        """carol's slot is late's by now, bob has less than the backup says, and the backup knows nothing of late."""
        carol = self.agent.create("carol", uid=20_003, smtp={"per_minute": 5, "burst": 5}, pids_max=2 * LIMIT)
        self.agent.end()  # a new start makes a backup of all of it
        self.agent.start()
        support.wait_until(lambda: list(self.backups.glob("npanel-*.db")), BACKUP_SECONDS, "there is a backup")
        self.assertEqual(self.agent.request("DELETE", carol.url).status, 204)
        late = self.agent.create("late", uid=20_004, smtp={"per_minute": 0}, pids_max=LIMIT,
                                 mail={"messages_per_hour": 7}, memory_max_bytes=100 * support.MIB)
        self.assertEqual(self.change(LIMIT - 2).status, 200)
        self.agent.end()
        self.damage()
        return late

    def assert_late_is_held(self, late):
        shown = late.show()
        self.assertEqual((shown["uid"], shown["limits"]["pids_max"], shown["smtp"]["per_minute"]), (20_004, LIMIT, 0))
        self.assertEqual((shown["mail"]["messages_per_hour"], shown["limits"]["memory_max_bytes"]), (7, 100 * support.MIB))
        self.assertEqual(late.read("pids.max"), str(LIMIT))
        worker = self.run_in(late, smtp_case.attempt_on_demand)
        worker.pipe.send(2)
        self.assertEqual(worker.hear(), [smtp_case.REFUSED] * 2)
        worker.kill()
        self.assertEqual(self.bob.show()["limits"]["pids_max"], LIMIT - 2)
        self.assertEqual(self.bob.read("pids.max"), str(LIMIT - 2))
        self.assert_degraded("npanelctl accounts confirm")

    def move_to_another_layout(self):
        """As an upgrade finds the pins: in a directory that is called by another layout."""
        [layout] = [path for path in self.agent.pins.iterdir() if (path / "link4").exists()]
        layout.rename(self.agent.pins / "v0")

    def test_no_start_forgets_that_accounts_were_lost(self):
        late = self.lose_what_is_newer_than_the_backup()
        between = [lambda: None, lambda: None, self.move_to_another_layout, lambda: None]
        for prepare in between:
            prepare()
            self.assertEqual(self.demand(2), [smtp_case.REFUSED] * 2)
            self.agent.start()
            self.assert_late_is_held(late)
            self.assertEqual(self.demand(2), [smtp_case.REFUSED] * 2)
            self.agent.end(signal.SIGKILL)
        self.reboot()
        self.assert_late_is_held(late)
        said = self.agent.ctl("accounts", "lost")
        for words in ("account late is adopted", "account bob keeps", "account carol is none"):
            self.assertIn(words, said)
        self.assertEqual(self.agent.ask("POST", "/api/v1/lost-accounts/confirm")["lost"], False)
        self.assertEqual(self.agent.health(), {"status": "ok", "reasons": []})
        self.agent.end()
        self.agent.start()
        self.assertEqual(self.agent.health(), {"status": "ok", "reasons": []})
        self.assertEqual(self.accounts(), {"bob": LIMIT - 2, "carol": 2 * LIMIT, "late": LIMIT})

    def reboot(self):
        """For the agent it is one: nothing is in the kernel, the disk is as it was."""
        os.kill(self.connects.pid, signal.SIGKILL)
        support.wait_until(lambda: not self.bob.read("cgroup.procs"), 5, "bob's cgroup is empty")
        support.remove_cgroup(self.agent.cgroup)
        shutil.rmtree(self.agent.pins)
        self.agent.start()
        self.connects = self.run_in(self.bob, smtp_case.attempt_on_demand)

    def test_cgroup_that_no_account_has_is_adopted_as_it_is(self):
        self.agent.end()
        (self.agent.cgroup / "eve").mkdir()
        (self.agent.cgroup / "eve" / "pids.max").write_text("40")
        sleeper = support.Worker(rest_in, self.agent.cgroup / "eve").begin()
        self.addCleanup(sleeper.kill)
        self.assertEqual(sleeper.hear(), "there")
        self.agent.start()
        self.assertEqual(self.agent.status()["orphan_cgroups"], ["eve"])
        self.assertIn("eve", self.agent.ctl("accounts", "lost"))
        self.assertIn("40", self.agent.ctl("accounts", "adopt", "eve"))
        self.assertEqual(self.agent.status()["orphan_cgroups"], [])
        self.assertEqual(self.accounts(), {"bob": LIMIT, "eve": 40})
        self.assertEqual(self.agent.request("POST", "/api/v1/lost-accounts/eve/adopt").status, 409)
        self.assertEqual(self.agent.request("POST", "/api/v1/lost-accounts/nobody/adopt").status, 404)
        sleeper.kill()
