# SPDX-License-Identifier: Apache-2.0
"""Is every figure of an account what the kernel's own file says at that moment?"""
import contextlib
import mmap
import os
import pathlib
import resource

import figures
import support

ROUNDS = 10
CHILDREN = 12
BURN_US = 100_000
FILL_MIB = 56
BLOCK_BYTES = 64 * 1024
BLOCKS = 64
LIMITS = {
    "free": {},
    "tight": {"cpu_percent": 50, "memory_max_bytes": 64 * support.MIB, "memory_high_bytes": 48 * support.MIB,
              "swap_max_bytes": 0, "pids_max": 12},
    "odd": {"cpu_percent": 133, "memory_max_bytes": 64 * support.MIB + 4095, "pids_max": 4194304},
    "roomy": {"memory_max_bytes": 64 * support.MIB},
    "wide": {"cpu_percent": 25600, "memory_max_bytes": 1 << 50, "memory_high_bytes": 32 * support.MIB, "pids_max": 11},
}


def enter_kernel(_pipe):
    while True:
        os.stat("/")


def fill_cache(pipe):
    """More page cache than memory.high of "tight": it is reclaimed, nobody is killed."""
    path = f"{support.DISK}/npanel-vmtest.{os.getpid()}"
    with open(path, "wb") as file:
        os.unlink(path)
        for _ in range(FILL_MIB):
            file.write(bytes(support.MIB))
        os.fsync(file.fileno())
    pipe.send("filled")


def read_a_file(pipe, path):
    """Once, from its beginning to its end: its pages are in the cache, and inactive."""
    with open(path, "rb", buffering=0) as file:
        while file.read(support.MIB):
            pass
    pipe.send("read")


def write_and_read(pipe):
    """Past the page cache; says how much was written, and read."""
    path = f"{support.DISK}/npanel-vmtest.{os.getpid()}"
    disk = os.open(path, os.O_RDWR | os.O_CREAT | os.O_DIRECT)
    os.unlink(path)
    block = mmap.mmap(-1, BLOCK_BYTES)
    for index in range(BLOCKS):
        os.pwritev(disk, [block], index * BLOCK_BYTES)
    for index in range(BLOCKS // 2):
        os.preadv(disk, [block], index * BLOCK_BYTES)
    pipe.send((BLOCKS * BLOCK_BYTES, BLOCKS // 2 * BLOCK_BYTES))


class UsageCase(support.AgentCase):
    def setUp(self):
        super().setUp()
        self.accounts = {name: self.account(name, **limits) for name, limits in LIMITS.items()}

    def load(self):
        """Moves every counter of "tight" and some of the others'; what spins and what forked goes on."""
        tight, odd, wide = (self.accounts[name] for name in ("tight", "odd", "wide"))
        self.run_in(tight, support.fork_children, CHILDREN).hear()
        self.run_in(wide, support.fork_children, CHILDREN).hear()
        self.run_in(odd, fill_cache).hear(30)
        tight.patch(pids_max=CHILDREN + 4)
        self.run_in(tight, fill_cache).hear(30)
        self.burn(tight, odd)

    def burn(self, *accounts):
        for account in accounts:
            self.run_in(account, support.spin)
            self.run_in(account, enter_kernel)
        for account in accounts:
            support.wait_until(lambda: account.stats()["cpu"]["system_us"] > BURN_US, 10, f"{account.name} has worked")

    def freeze(self):
        for account in self.accounts.values():
            account.post("suspend")
        for account in self.accounts.values():
            support.wait_until(lambda: account.flat("cgroup.events")["frozen"], 5, f"{account.name} is frozen")

    def assert_agrees(self, idle=False):
        for account in self.accounts.values():
            before, stats, after = figures.files(account), account.stats(), figures.files(account)
            self.assertEqual(list(figures.differences(account.name, before, stats, after, idle)), [])

    def test_every_figure_is_within_two_readings_of_the_kernels_file_under_load(self):
        self.load()
        for _ in range(ROUNDS):
            self.assert_agrees()

    def test_every_figure_is_exact_when_nothing_runs(self):
        self.load()
        self.freeze()
        self.assert_agrees(idle=True)
        self.assert_counted(self.accounts["tight"].stats())

    def assert_counted(self, stats):
        """The comparison was not one of zeros."""
        for path in ("cpu.user_us", "cpu.system_us", "cpu.throttled_us", "memory.events.high", "pids.refused",
                     "memory.anon_bytes", "memory.kernel_bytes", "io.written_bytes", "io.writes",
                     "pressure.cpu.some_us", "pressure.memory.some_us", "pressure.io.some_us"):
            field, = (field for field in figures.FIELDS if field.path == path)
            self.assertGreater(field.of(stats), 0, path)

    def test_user_and_system_time_are_split_as_the_kernel_will_split_them(self):
        self.burn(self.accounts["odd"], self.accounts["tight"])
        self.freeze()
        for account in self.accounts.values():
            stats, file = account.stats()["cpu"], account.flat("cpu.stat")  # the file, read first, would fix the split
            self.assertEqual((stats["user_us"], stats["system_us"]), (file["user_usec"], file["system_usec"]))

    def test_limits_are_those_that_were_asked_for(self):
        for account in self.accounts.values():
            stats, wanted = account.stats(), support.NO_LIMITS | LIMITS[account.name]
            percent, most = wanted["cpu_percent"], wanted["memory_max_bytes"]
            self.assertEqual(stats["cpu"]["quota_us"], percent and percent * 1000)
            self.assertEqual(stats["memory"]["max_bytes"], most and most // 4096 * 4096)
            self.assertEqual(stats["memory"]["high_bytes"], wanted["memory_high_bytes"])
            self.assertEqual(stats["pids"]["max"], wanted["pids_max"])

    def test_stats_hold_these_figures_and_no_others(self):
        stats = self.accounts["free"].stats()
        self.assertEqual(figures.all_paths(stats), {field.path for field in figures.FIELDS} | figures.OF_TWO_FILES)
        self.assertEqual(stats["unavailable"], [])
        self.assertEqual(stats["cgroup_id"], self.accounts["free"].cgroup.stat().st_ino)

    def test_idle_account_that_read_a_file_has_a_small_working_set(self):
        bob = self.accounts["roomy"]
        path = pathlib.Path(f"{support.DISK}/npanel-vmtest.read")
        self.addCleanup(path.unlink)
        path.write_bytes(bytes(FILL_MIB * support.MIB))
        with path.open("rb") as file:
            os.fsync(file.fileno())
            os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)  # so that bob is charged for the cache
        reader = self.run_in(bob, read_a_file, path)
        self.assertEqual(reader.hear(60), "read")
        reader.kill()
        stats, after = self.stats_between_equal_readings(bob)
        self.assertEqual([stats[f"{name}_bytes"] for name in ("anon", "file", "kernel")],
                         [after[name] for name in ("anon", "file", "kernel")])
        self.assertGreater(stats["file_bytes"], 40 * support.MIB)
        self.assertEqual(stats["working_set_bytes"], stats["current_bytes"] - after["inactive_file"])
        support.info(f"charged {stats['current_bytes'] >> 20} MiB, working set {stats['working_set_bytes'] >> 20} MiB")
        self.assertGreater(stats["current_bytes"], 40 * support.MIB)
        self.assertLess(stats["working_set_bytes"], 8 * support.MIB)

    def stats_between_equal_readings(self, account):
        """Nothing runs, but what the last process held is freed a moment later (RCU)."""
        readings = []

        def are_equal():
            readings[:] = account.flat("memory.stat"), account.stats()["memory"], account.flat("memory.stat")
            return readings[0] == readings[2]
        support.wait_until(are_equal, 5, "memory.stat is the same before and after")
        return readings[1:]

    def test_what_was_read_and_written_is_counted_also_below_the_account(self):
        bob = self.accounts["free"]
        nested = bob.cgroup / "child"
        nested.mkdir()
        (nested / "cgroup.procs").write_text(str((worker := support.Worker(write_and_read)).pid))
        self.addCleanup(worker.kill)
        worker.begin()
        written, read = worker.hear(30)
        io = bob.stats()["io"]
        self.assertGreaterEqual(io["written_bytes"], written)
        self.assertGreaterEqual(io["read_bytes"], read)
        self.assertGreaterEqual(io["writes"], written // BLOCK_BYTES)
        self.assertGreaterEqual(io["reads"], read // BLOCK_BYTES)
        self.assert_agrees(idle=True)

    def test_work_in_nested_cgroups_is_the_accounts(self):
        bob = self.accounts["free"]
        nested = bob.cgroup / "child"
        nested.mkdir()
        worker = self.run_in(bob, support.spin)
        (nested / "cgroup.procs").write_text(str(worker.pid))
        used = bob.stats()["cpu"]["usage_us"]
        support.wait_until(lambda: bob.stats()["cpu"]["usage_us"] > used + 100_000, 5, "nested work is counted")
        self.assert_agrees()

    def test_walk_that_fails_takes_no_other_figure_away(self):
        """Without a descriptor there is no walk; whoever is connected is answered all the same."""
        with contextlib.closing(support.UnixConnection(self.agent.socket)) as connection:
            def metrics():
                connection.request("GET", "/metrics")
                answer = support.Answer(connection.getresponse())
                self.assertEqual(answer.status, 200, answer.body)
                return answer.body.decode()
            self.assertIn("npanel_usage_available 1", metrics())
            before = resource.prlimit(self.agent.pid, resource.RLIMIT_NOFILE)
            resource.prlimit(self.agent.pid, resource.RLIMIT_NOFILE, (1, before[1]))  # those that are open stay
            try:
                without = metrics()
            finally:
                resource.prlimit(self.agent.pid, resource.RLIMIT_NOFILE, before)
            self.assertIn(f"npanel_accounts {len(self.accounts)}", without)
            self.assertIn("npanel_usage_available 0", without)
            self.assertIn("npanel_usage_available 1", metrics())
        # An account that was compared meanwhile has its turn again within a second.
        support.wait_until(lambda: self.agent.health()["reasons"] == [], 10, "nothing to complain of")
