# SPDX-License-Identifier: Apache-2.0
"""Where cgroup v2 lacks a controller (a v1 mount holds it): what stands in, and what is untouched?"""
import errno
import os
import subprocess

import support

LIMIT = 32
GREED = 2 * LIMIT
BOB_UID = 4001
ANN_UID = 4002
RELEASE_SECONDS = 15
V1_MOUNT = f"{support.DISK}/npanel-vmtest.v1-pids"


def directories(top):
    return [path for path, _, _ in os.walk(top)]


def set_for_children(directory, word):
    with open(f"{directory}/cgroup.subtree_control", "w") as file:
        file.write(word)


def gives_pids(directory):
    with open(f"{directory}/cgroup.subtree_control") as file:
        return "pids" in file.read().split()


class DegradedCase(support.AgentCase):
    @classmethod
    def setUpClass(cls):
        cls.take_pids_away()
        super().setUpClass()

    @classmethod
    def take_pids_away(cls):
        """Mounts the pids controller as v1, which works when nothing in v2 uses it."""
        users = [path for path in directories(support.mount_point("cgroup2")) if gives_pids(path)]
        for path in reversed(users):  # the deepest first
            set_for_children(path, "-pids")
        cls.addClassCleanup(cls.give_pids_back, users)
        os.mkdir(V1_MOUNT)
        support.wait_until(cls.mount_v1, RELEASE_SECONDS, "v2 lets go of the pids controller")

    @classmethod
    def mount_v1(cls):
        return subprocess.run(["mount", "-t", "cgroup", "-o", "pids", "pids", V1_MOUNT], stderr=subprocess.DEVNULL).returncode == 0

    @classmethod
    def give_pids_back(cls, users):
        subprocess.run(["umount", V1_MOUNT], check=True)
        os.rmdir(V1_MOUNT)
        controllers = support.mount_point("cgroup2") / "cgroup.controllers"
        support.wait_until(lambda: "pids" in controllers.read_text(), RELEASE_SECONDS, "v2 has the pids controller again")
        for path in users:
            set_for_children(path, "+pids")

    def test_account_says_that_rlimit_nproc_stands_in_for_pids(self):
        reason, = self.account(pids_max=LIMIT, memory_max_bytes=64 * support.MIB, cpu_percent=20).show()["degraded"]
        self.assertRegex(reason, rf"^pids: .*RLIMIT_NPROC of {LIMIT}\b")

    def test_rlimit_nproc_refuses_the_33rd_process(self):
        bob = self.account(pids_max=LIMIT, uid=BOB_UID)
        children, refused = self.run_in(bob, support.fork_children, GREED, uid=BOB_UID).hear()
        self.assertEqual(refused, errno.EAGAIN)
        self.assertEqual(children + 1, LIMIT)

    def test_neighbour_without_limit_forks_and_is_not_degraded(self):
        bob, ann = self.account(pids_max=LIMIT, uid=BOB_UID), self.account("ann", uid=ANN_UID)
        self.assertEqual(self.run_in(bob, support.fork_children, GREED, uid=BOB_UID).hear(), (LIMIT - 1, errno.EAGAIN))
        self.assertEqual(self.run_in(ann, support.fork_children, GREED, uid=ANN_UID).hear(), (GREED, None))
        self.assertEqual(ann.show()["degraded"], [])

    def test_other_limits_stay_effective(self):
        bob = self.account(pids_max=LIMIT, cpu_percent=20, memory_max_bytes=64 * support.MIB)
        self.run_in(bob, support.spin)
        support.wait_until(lambda: bob.stats()["cpu"]["throttled_periods"] > 0, 5, "bob is throttled")
        self.assertEqual(bob.stats()["memory"]["max_bytes"], 64 * support.MIB)

    def test_stats_say_that_pids_are_unknown(self):
        stats = self.account(pids_max=LIMIT).stats()
        self.assertEqual((stats["pids"], stats["unavailable"]), (None, ["pids"]))

    def test_status_and_health_name_the_controller(self):
        status = self.agent.status()
        self.assertEqual((status["missing_controllers"], sorted(status["controllers"])), (["pids"], ["cpu", "io", "memory"]))
        health = self.agent.request("GET", "/healthz")
        self.assertEqual((health.status, health.json()["status"]), (200, "degraded"))
        self.assertIn("pids", " ".join(health.json()["reasons"]))

    def test_doctor_names_the_controller_and_its_fallback(self):
        ran = subprocess.run(["npanelctl", "doctor"], capture_output=True, text=True)
        self.assertEqual(ran.returncode, 1)
        self.assertRegex(ran.stdout, r"(?m)^missing\s+cgroup2\.pids\s.*RLIMIT_NPROC")
