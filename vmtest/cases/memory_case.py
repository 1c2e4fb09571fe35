# SPDX-License-Identifier: Apache-2.0
"""Is an account that takes too much memory killed, and only it?"""
import signal

import support

LIMIT = 64 * support.MIB
GREED = 4 * LIMIT


def hog(pipe, most):
    held = []
    while len(held) * support.MIB < most:
        held.append(b"\1" * support.MIB)
    pipe.send(len(held))


class MemoryCase(support.AgentCase):
    def test_hog_at_64_mib_is_killed_and_its_neighbour_lives(self):
        ann = self.account("ann", memory_max_bytes=LIMIT)
        neighbour = self.run_in(ann, support.echo)
        bob = self.account(memory_max_bytes=LIMIT, swap_max_bytes=0)
        hog_process = self.run_in(bob, hog, GREED)
        self.assertEqual(hog_process.exit_code(), -signal.SIGKILL)
        events = self.assert_events_are_the_kernels(bob)
        self.assertEqual(events["oom_kill"], 1)
        self.assertGreater(events["max"], events["oom"])
        self.assertLessEqual(int(bob.read("memory.peak")), LIMIT)
        self.assert_says_back(neighbour)
        self.assertEqual(ann.stats()["memory"]["events"]["oom_kill"], 0)

    def test_the_same_hog_without_limit_lives(self):
        hog_process = self.run_in(self.account(), hog, GREED)
        self.assertEqual(hog_process.hear(), GREED // support.MIB)
        self.assertEqual(hog_process.exit_code(), 0)

    def test_memory_high_slows_down_and_is_counted(self):
        bob = self.account(memory_max_bytes=2 * LIMIT, memory_high_bytes=LIMIT, swap_max_bytes=0)
        hog_process = self.run_in(bob, hog, GREED)
        support.wait_until(lambda: bob.stats()["memory"]["events"]["high"] > 0, 10, "memory.high is counted")
        self.assertTrue(hog_process.lives())
        hog_process.kill()
        self.assertEqual(self.assert_events_are_the_kernels(bob)["oom_kill"], 0)

    def assert_events_are_the_kernels(self, account):
        """Nothing runs in the account any more."""
        events, file = account.stats()["memory"]["events"], account.flat("memory.events")
        self.assertEqual(events, {name: file[name] for name in events})
        return events
