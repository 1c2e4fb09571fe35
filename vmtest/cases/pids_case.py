# SPDX-License-Identifier: Apache-2.0
"""Is the fork above pids_max refused, and only there?"""
import errno

import support

LIMIT = 32
GREED = 2 * LIMIT


def fork_in(pipe, cgroup):
    (cgroup / "cgroup.procs").write_text("0")
    support.fork_children(pipe, GREED)


class PidsCase(support.AgentCase):
    def test_33rd_process_is_refused_at_pids_32(self):
        bob = self.account(pids_max=LIMIT)
        children, refused = self.run_in(bob, support.fork_children, GREED).hear()
        self.assertEqual(refused, errno.EAGAIN)
        self.assertEqual(children + 1, LIMIT)
        self.assertEqual(len(bob.read("cgroup.procs").split()), LIMIT)
        self.assertEqual(len(bob.agent.ask("GET", f"{bob.url}/processes")["pids"]), LIMIT)
        pids = bob.stats()["pids"]
        self.assertEqual(pids["current"], LIMIT)
        self.assertGreaterEqual(pids["refused"], 1)
        self.assertEqual(pids["refused"], bob.flat("pids.events")["max"])

    def test_refused_forks_in_a_cgroup_below_count_for_the_account_on_every_kernel(self):
        bob = self.account(pids_max=LIMIT)
        below = bob.cgroup / "site"
        below.mkdir()
        self.assertEqual(self.run_in(bob, fork_in, below).hear(), (LIMIT - 1, errno.EAGAIN))
        self.assertEqual(bob.stats()["pids"]["refused"], 1)

    def test_neighbour_still_forks(self):
        bob = self.account(pids_max=LIMIT)
        self.assertEqual(self.run_in(bob, support.fork_children, GREED).hear(), (LIMIT - 1, errno.EAGAIN))
        ann = self.account("ann")
        self.assertEqual(self.run_in(ann, support.fork_children, GREED).hear(), (GREED, None))
        self.assertEqual(ann.stats()["pids"]["refused"], 0)

    def test_lowered_limit_refuses_the_next_fork_and_kills_nobody(self):
        bob = self.account()
        self.run_in(bob, support.fork_children, LIMIT).hear()
        bob.patch(pids_max=10)
        self.assertEqual(self.run_in(bob, support.fork_children, GREED).hear(), (0, errno.EAGAIN))
        self.assertEqual(bob.stats()["pids"]["current"], LIMIT + 2)
