# SPDX-License-Identifier: Apache-2.0
"""Is every figure of an account what the kernel's own file says at that moment?"""
import os

import figures
import support

ROUNDS = 10
CHILDREN = 12
BURN_US = 100_000
FILL_MIB = 56
LIMITS = {
    "free": {},
    "tight": {"cpu_percent": 50, "memory_max_bytes": 64 * support.MIB, "memory_high_bytes": 48 * support.MIB,
              "swap_max_bytes": 0, "pids_max": 12},
    "odd": {"cpu_percent": 133, "memory_max_bytes": 64 * support.MIB + 4095, "pids_max": 4194304},
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
        self.assertEqual(figures.all_paths(stats), {field.path for field in figures.FIELDS})
        self.assertEqual(stats["unavailable"], [])
        self.assertEqual(stats["cgroup_id"], self.accounts["free"].cgroup.stat().st_ino)

    def test_work_in_nested_cgroups_is_the_accounts(self):
        bob = self.accounts["free"]
        nested = bob.cgroup / "child"
        nested.mkdir()
        worker = self.run_in(bob, support.spin)
        (nested / "cgroup.procs").write_text(str(worker.pid))
        used = bob.stats()["cpu"]["usage_us"]
        support.wait_until(lambda: bob.stats()["cpu"]["usage_us"] > used + 100_000, 5, "nested work is counted")
        self.assert_agrees()
