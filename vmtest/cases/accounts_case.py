# SPDX-License-Identifier: Apache-2.0
"""Many accounts: does a restart find them as they are, are their figures right, what does it cost?"""
import os
import pathlib
import re
import time

import figures
import support

COUNT = int(os.environ.get("NPANEL_ACCOUNTS", "300"))
START_SECONDS = support.START_SECONDS + COUNT / 20
WORKERS = 10  # accounts in which something runs
PASS_SECONDS = 2
KIB = 1024
# openat(DIR, NAME, FLAGS) = FD<PATH>, as strace -y writes it
OPENED = re.compile(r'open\w*\(.*?(O_\w+[O_|A-Z]*).* = \d+<([^>]*)>')


def limits_of(index):
    """Different ones for each, some with no limit."""
    return {
        "cpu_percent": None if index % 7 == 0 else 1 + index % 25600,
        "memory_max_bytes": None if index % 5 == 0 else (64 + index) * support.MIB,
        "memory_high_bytes": None if index % 3 else support.MIB * (1 + index % 64),
        "swap_max_bytes": None if index % 11 == 0 else 0,
        "io_read_bytes_per_s": None if index % 4 == 0 else 65536 + index,
        "io_write_bytes_per_s": None if index % 6 == 0 else 65536 + index,
        "pids_max": None if index % 13 == 0 else 10 + index,
    }


def burn(pipe):
    deadline = time.process_time() + 0.05
    while time.process_time() < deadline:
        pass
    pipe.send("done")


def memory_of(pid):
    status = pathlib.Path(f"/proc/{pid}/status").read_text()
    rollup = pathlib.Path(f"/proc/{pid}/smaps_rollup").read_text()
    resident = int(re.search(r"VmRSS:\s+(\d+)", status)[1])
    private = sum(int(kib) for kib in re.findall(r"Private_\w+:\s+(\d+)", rollup))
    return resident, private


def control_files_opened_for_writing(trace, mount):
    opened = (OPENED.search(line) for line in trace.read_text(errors="replace").splitlines())
    return [found[2] for found in opened
            if found and found[2].startswith(f"{mount}/") and re.search("O_WRONLY|O_RDWR", found[1])]


class AccountsCase(support.AgentCase):
    config = "[reconcile]\naccounts_per_second = 100\n"

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.agent.start()
        began = time.monotonic()
        cls.accounts = [cls.agent.create(f"a{index:05}", uid=10000 + index, **limits_of(index)) for index in range(COUNT)]
        support.info(f"{COUNT} accounts created through the API in {time.monotonic() - began:.1f} s")

    def start(self):
        began = time.monotonic()
        self.agent.start(seconds=START_SECONDS)
        return time.monotonic() - began

    def traced_start(self):
        """Control files that the agent opened for writing before it was ready."""
        trace = self.agent.directory / "trace"
        # On one CPU: the tracer and the traced take turns anyway, and waking another CPU each time is slow.
        self.agent.start(["taskset", "-c", "0", "strace", "-f", "--seccomp-bpf", "-y", "-e", "trace=open,openat,openat2,creat",
                          "-o", str(trace)], START_SECONDS)
        self.agent.end()
        self.assertIn("npanel.db", trace.read_text(errors="replace"))
        return control_files_opened_for_writing(trace, support.mount_point("cgroup2"))

    def wait_for_whole_pass(self):
        compared = self.agent.status()["reconcile"]["accounts"]
        support.wait_until(lambda: self.agent.status()["reconcile"]["accounts"] >= compared + COUNT,
                           PASS_SECONDS * (1 + COUNT / 100), "a whole pass over the accounts")

    def test_restart_changes_nothing(self):
        self.agent.end()
        ready = self.start()
        reconcile = self.agent.status()["reconcile"]
        resident, private = memory_of(self.agent.pid)
        support.info(f"{COUNT} accounts: restarted in {ready:.1f} s, reconciled in {reconcile['full_seconds']:.3f} s, "
                     f"resident {resident} KiB, private {private} KiB")
        self.assertEqual((reconcile["writes"], reconcile["errors"]), (0, 0))
        self.assertGreaterEqual(reconcile["accounts"], COUNT)
        self.wait_for_whole_pass()
        self.assertEqual(self.agent.status()["reconcile"]["writes"], 0)

    def test_restart_opens_no_control_file_for_writing(self):
        self.agent.end()
        self.assertEqual(self.traced_start(), [])

    def test_restart_writes_the_one_setting_that_somebody_changed(self):
        changed = self.accounts[1]
        wanted = changed.read("pids.max")
        self.agent.end()
        changed.write("pids.max", "max")
        self.assertEqual(self.traced_start(), [str(changed.cgroup / "pids.max")])
        self.assertEqual(changed.read("pids.max"), wanted)

    def test_setting_that_somebody_changed_comes_back(self):
        changed = self.accounts[COUNT // 2 + 1]
        wanted = {file: changed.read(file) for file in ("pids.max", "memory.max", "cpu.max")}
        for file in wanted:
            changed.write(file, "max")
        self.assertNotEqual({file: changed.read(file) for file in wanted}, wanted)
        support.wait_until(lambda: {file: changed.read(file) for file in wanted} == wanted,
                           PASS_SECONDS * (1 + COUNT / 100), "the settings are back")
        self.assertIn(f"account {changed.name}: 3 settings", self.agent.log())

    def test_cgroup_that_somebody_removed_comes_back(self):
        removed = self.accounts[COUNT // 3]
        wanted = removed.read("cpu.max")
        inode = removed.cgroup.stat().st_ino
        os.rmdir(removed.cgroup)
        support.wait_until(removed.cgroup.exists, PASS_SECONDS * (1 + COUNT / 100), "the cgroup is back")
        support.wait_until(lambda: removed.read("cpu.max") == wanted, 5, "its limits are back")
        support.wait_until(lambda: removed.stats()["cgroup_id"] not in (None, inode), 5, "its figures are back")

    def test_one_request_brings_every_accounts_figures(self):
        for account in self.accounts[::max(1, COUNT // WORKERS)]:
            self.run_in(account, burn).hear()
        before = [figures.files(account) for account in self.accounts]
        began = time.monotonic()
        answer = self.agent.ask("GET", "/api/v1/stats")["stats"]
        support.info(f"GET /api/v1/stats for {COUNT} accounts: {time.monotonic() - began:.3f} s")
        after = [figures.files(account) for account in self.accounts]
        self.assertEqual([stats["name"] for stats in answer], [account.name for account in self.accounts])
        wrong = [text for account, *three in zip(self.accounts, before, answer, after)
                 for text in figures.differences(account.name, *three)]
        self.assertEqual(wrong, [])
