# SPDX-License-Identifier: Apache-2.0
"""Does cpu_percent hold a busy loop, and only that one?"""
import time

import support

SETTLE_PERIODS = 5  # of 100 ms; the first ones still hold what was saved up
MEASURE_SECONDS = 5


def used_us(account):
    return account.flat("cpu.stat")["usage_usec"]


def shares(*accounts):
    """Percent of a core that each gets over the same MEASURE_SECONDS, by the kernel's own file."""
    before = [(time.monotonic(), used_us(account)) for account in accounts]
    time.sleep(MEASURE_SECONDS)
    after = [(time.monotonic(), used_us(account)) for account in accounts]
    return [100 * (used - used_0) / (at - at_0) / 1e6 for (at_0, used_0), (at, used) in zip(before, after)]


class CpuCase(support.AgentCase):
    def throttled(self, **limits):
        bob = self.account(**limits)
        self.run_in(bob, support.spin)
        support.wait_until(lambda: bob.flat("cpu.stat")["nr_throttled"] >= SETTLE_PERIODS, 5, "bob is throttled")
        return bob

    def test_busy_loop_gets_a_fifth_of_a_core_at_cpu_20(self):
        share, = shares(self.throttled(cpu_percent=20))
        support.info(f"cpu_percent 20: {share:.1f} % of a core")
        self.assert_between(18, share, 22, "percent of a core")

    def test_throttling_shows_in_stats_as_in_the_kernels_file(self):
        bob = self.throttled(cpu_percent=20)
        first = bob.stats()["cpu"]
        shares(bob)
        file, stats = bob.flat("cpu.stat"), bob.stats()["cpu"]
        periods = MEASURE_SECONDS * 10
        for name, key in (("periods", "nr_periods"), ("throttled_periods", "nr_throttled"), ("throttled_us", "throttled_usec")):
            self.assertGreaterEqual(stats[name], file[key])
        self.assert_between(periods * 0.8, stats["throttled_periods"] - first["throttled_periods"], periods * 1.2, "throttled periods")
        self.assertGreater(stats["throttled_us"] - first["throttled_us"], MEASURE_SECONDS * 1e6 / 2)

    def test_neighbour_without_limit_keeps_its_core(self):
        bob = self.throttled(cpu_percent=20)
        ann = self.account("ann")
        self.run_in(ann, support.spin)
        limited, free = shares(bob, ann)
        support.info(f"side by side: {limited:.1f} % at cpu_percent 20, {free:.1f} % without limit")
        self.assertGreater(free, 60)
        self.assertLess(limited, 22)

    def test_raised_limit_reaches_the_running_process(self):
        bob = self.throttled(cpu_percent=20)
        bob.patch(cpu_percent=50)
        share, = shares(bob)
        self.assert_between(45, share, 55, "percent of a core")
