# SPDX-License-Identifier: Apache-2.0
"""Do jobs do what they say, and is it told how far they are?"""
import contextlib
import os
import pathlib
import signal
import sqlite3
import subprocess
import tempfile
import time

import support

FEATURES = (*support.LIMITING, "progress_tracking")
COUNT = int(os.environ.get("NPANEL_ACCOUNTS", "300"))
GRACE_SECONDS = 2
RATE_SECONDS = 0.2
JOB_SECONDS = 30
LIMIT = 32


def ignore_sigterm(pipe):
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    pipe.send("deaf")
    signal.pause()


class JobsCase(support.AgentCase):
    features = FEATURES

    def job(self, number):
        return self.agent.ask("GET", f"/api/v1/jobs/{number}")

    def begin(self, path, body=None):
        answer = self.agent.request("POST", path, body)
        self.assertEqual(answer.status, 202, answer.body)
        job = answer.json()
        self.assertEqual(answer.headers["Location"], f"/api/v1/jobs/{job['id']}")
        return job

    def follow(self, job):
        """Every moment of it that could be seen; the last one is its end."""
        seen = [job]

        def ended():
            seen.append(self.job(job["id"]))
            return seen[-1]["state"] != "running"
        support.wait_until(ended, JOB_SECONDS + COUNT / 20, f"job {job['kind']} ends")
        self.assertEqual((seen[-1]["state"], seen[-1]["percent"], seen[-1]["eta_seconds"]), ("done", 100, None), seen[-1])
        percents = [moment["percent"] for moment in seen]
        self.assertEqual(percents, sorted(percents))
        self.assertTrue(seen[-1]["result"])
        return seen


class DrainCase(JobsCase):
    def drain(self, account, grace=GRACE_SECONDS):
        return self.begin(f"{account.url}/drain", {"grace_seconds": grace})

    def test_drain_asks_and_kills_who_does_not_listen_after_the_grace(self):
        bob, ann = self.account(), self.account("ann")
        neighbour = self.run_in(ann, support.echo)
        polite = [self.run_in(bob, support.rest) for _ in range(3)]
        deaf = self.run_in(bob, ignore_sigterm)
        self.assertEqual(deaf.hear(), "deaf")
        began = time.monotonic()
        job = self.drain(bob)
        self.assertEqual((job["kind"], job["account"]), ("drain", "bob"))
        self.assertEqual([worker.exit_code() for worker in polite], [-signal.SIGTERM] * 3)
        self.assertEqual(deaf.exit_code(), -signal.SIGKILL)
        seconds = time.monotonic() - began
        support.info(f"grace of {GRACE_SECONDS} s: the deaf process was killed after {seconds:.1f} s")
        self.assertGreaterEqual(seconds, GRACE_SECONDS)
        self.follow(job)
        self.assertEqual(bob.read("cgroup.procs"), "")
        self.assertEqual(bob.show()["state"], "active")
        self.assert_says_back(neighbour)

    def test_drain_takes_nested_cgroups_along(self):
        bob = self.account()
        nested = bob.cgroup / "child"
        nested.mkdir()
        worker = self.run_in(bob, support.rest)
        (nested / "cgroup.procs").write_text(str(worker.pid))
        self.follow(self.drain(bob))
        self.assertEqual(worker.exit_code(), -signal.SIGTERM)

    def test_drained_account_may_be_used_again(self):
        bob = self.account(pids_max=LIMIT)
        self.run_in(bob, support.rest)
        self.follow(self.drain(bob))
        self.assert_says_back(self.run_in(bob, support.echo))
        self.assertEqual(bob.read("pids.max"), str(LIMIT))

    def test_second_drain_of_the_account_is_refused_while_the_first_one_runs(self):
        bob = self.account()
        self.assertEqual(self.run_in(bob, ignore_sigterm).hear(), "deaf")
        job = self.drain(bob)
        answer = self.agent.request("POST", f"{bob.url}/drain", {"grace_seconds": 0})
        self.assertEqual(answer.status, 409, answer.body)
        self.follow(job)

    def test_drain_of_an_empty_account_is_done(self):
        self.follow(self.drain(self.account()))

    def test_wrong_grace_is_refused(self):
        bob = self.account()
        for grace in (-1, 100_000, 1.5, "5", None):
            answer = self.agent.request("POST", f"{bob.url}/drain", {"grace_seconds": grace})
            self.assertEqual((answer.status, answer.json()["field"]), (400, "grace_seconds"), grace)
        self.assertEqual(self.agent.request("POST", "/api/v1/accounts/nobody/drain").status, 404)


class UnkillableCase(JobsCase):
    def freezer(self):
        """cgroup v1's, in which SIGKILL waits, too; a process is in it beside its cgroup v2."""
        mount = pathlib.Path(tempfile.mkdtemp(prefix="npanel-vmtest."))
        self.addCleanup(mount.rmdir)
        subprocess.run(["mount", "-t", "cgroup", "-o", "freezer", "none", mount], check=True)
        self.addCleanup(subprocess.run, ["umount", mount], check=True)
        group = mount / "held"
        group.mkdir()
        self.addCleanup(group.rmdir)
        return group

    def test_drain_of_a_process_that_nobody_can_kill_ends_and_says_who_is_left(self):
        bob, group = self.account(), self.freezer()
        held, other = self.run_in(bob, support.rest), self.run_in(bob, support.rest)
        (group / "cgroup.procs").write_text(str(held.pid))
        (group / "freezer.state").write_text("FROZEN")
        self.addCleanup(held.exit_code)
        self.addCleanup((group / "freezer.state").write_text, "THAWED")
        began = time.monotonic()
        job = self.begin(f"{bob.url}/drain", {"grace_seconds": 1})
        support.wait_until(lambda: self.job(job["id"])["state"] != "running", 60, "the drain ends")
        ended = self.job(job["id"])
        support.info(f"the drain ended after {time.monotonic() - began:.0f} s: {ended['result']}")
        self.assertEqual(ended["state"], "failed")
        self.assertIn(f"1 process is left: {held.pid} (", ended["result"])
        self.assertEqual(other.exit_code(), -signal.SIGTERM)

    def test_cancelled_drain_kills_nobody(self):
        bob = self.account()
        deaf = self.run_in(bob, ignore_sigterm)
        self.assertEqual(deaf.hear(), "deaf")
        job = self.begin(f"{bob.url}/drain", {"grace_seconds": 2})
        cancelled = self.agent.ask("POST", f"/api/v1/jobs/{job['id']}/cancel")
        self.assertEqual((cancelled["state"], cancelled["account"]), ("cancelled", "bob"))
        time.sleep(4)
        self.assertTrue(deaf.lives())
        self.assertEqual(self.agent.request("POST", f"/api/v1/jobs/{job['id']}/cancel").status, 409)
        self.follow(self.begin(f"{bob.url}/drain", {"grace_seconds": 0}))
        self.assertIn("cancelled by uid 0", self.agent.ctl("job", "show", str(job["id"])))
        self.assertEqual(deaf.exit_code(), -signal.SIGKILL)

    def test_account_is_not_renamed_while_it_is_drained(self):
        bob = self.account()
        self.assertEqual(self.run_in(bob, ignore_sigterm).hear(), "deaf")
        job = self.begin(f"{bob.url}/drain", {"grace_seconds": 600})
        self.assertEqual(self.agent.request("PATCH", bob.url, {"name": "john.doe"}).status, 409)
        self.agent.ask("POST", f"/api/v1/jobs/{job['id']}/cancel")


class ApplyCase(JobsCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.agent.start()
        cls.accounts = [cls.agent.create(f"a{index:05}", pids_max=10 + index) for index in range(COUNT)]

    def spoil(self, *accounts):
        for account in accounts:
            account.write("pids.max", "max")

    def assert_put_right(self):
        self.assertEqual([account.read("pids.max") for account in self.accounts], [str(10 + index) for index in range(COUNT)])

    def make_the_agent_wait(self):
        """An ETA needs a rate, and that a tenth of a second: on a fast machine all would be done by then."""
        os.kill(self.agent.pid, signal.SIGSTOP)
        time.sleep(RATE_SECONDS)
        os.kill(self.agent.pid, signal.SIGCONT)

    def test_apply_puts_right_what_differs_and_tells_how_far_it_is(self):
        self.spoil(self.accounts[0], self.accounts[COUNT // 2], self.accounts[-1])
        began = time.monotonic()
        job = self.begin("/api/v1/apply")
        self.make_the_agent_wait()
        seen = self.follow(job)
        support.info(f"{COUNT} accounts applied in {time.monotonic() - began:.1f} s, seen at {[moment['percent'] for moment in seen]} %")
        self.assert_put_right()
        self.assertEqual((seen[-1]["done"], seen[-1]["total"]), (COUNT, COUNT))
        self.assertGreater(len({moment["percent"] for moment in seen}), 2)
        self.assertTrue(any(moment["eta_seconds"] is not None for moment in seen))
        self.assertRegex(" ".join(moment["stage"] for moment in seen), rf"\b{COUNT}\b")

    def test_agent_answers_others_while_it_applies(self):
        job = self.begin("/api/v1/apply")
        self.accounts[1].patch(pids_max=LIMIT)
        self.addCleanup(self.accounts[1].patch, pids_max=11)
        self.assertEqual(self.accounts[1].read("pids.max"), str(LIMIT))
        self.follow(job)
        self.assertEqual(self.accounts[1].read("pids.max"), str(LIMIT))

    def test_npanelctl_apply_shows_progress_and_ends_well(self):
        self.spoil(self.accounts[-1])
        ran = subprocess.run(["npanelctl", "--socket", self.agent.socket, "apply"], stdin=subprocess.DEVNULL, capture_output=True,
                             text=True, timeout=JOB_SECONDS * support.TIME_SCALE + COUNT)
        self.assertEqual((ran.returncode, ran.stderr), (0, ""))
        *progress, last = ran.stdout.splitlines()
        self.assertTrue(progress)
        for line in progress:
            self.assertRegex(line, r"^ *\d{1,3}%")
        self.assertTrue(last.startswith("apply: "), last)
        self.assert_put_right()

    def test_jobs_are_listed_the_newest_first(self):
        numbers = [self.begin("/api/v1/backup")["id"], self.begin("/api/v1/apply")["id"]]
        listed = [job["id"] for job in self.agent.ask("GET", "/api/v1/jobs")["jobs"]]
        self.assertEqual(listed[:2], numbers[::-1])
        self.follow(self.job(numbers[1]))
        self.assertEqual(self.agent.request("GET", "/api/v1/jobs/999999").status, 404)


class BackupCase(JobsCase):
    def backups(self):
        return set((self.agent.directory / "backups").glob("npanel-*.db"))

    def test_backup_leaves_a_good_file_with_the_newest_change(self):
        self.account(pids_max=LIMIT)
        before = self.backups()
        seen = self.follow(self.begin("/api/v1/backup"))
        made, = self.backups() - before
        self.assertIn(made.name, seen[-1]["result"])
        with contextlib.closing(sqlite3.connect(f"file:{made}?mode=ro&immutable=1", uri=True)) as database:
            self.assertEqual(database.execute("PRAGMA integrity_check").fetchone(), ("ok",))
            self.assertEqual(database.execute("SELECT pids_max FROM account WHERE name = 'bob'").fetchone(), (LIMIT,))
