# SPDX-License-Identifier: Apache-2.0
"""Do the tests of tests/kernel, which the build host ran on its own kernel, pass on this one?"""
import os
import pathlib
import subprocess
import unittest

PROGRAMS = pathlib.Path("/opt/npanel/tests")
MOST_SECONDS = 300
SMC = pathlib.Path("/lib/modules", os.uname().release, "kernel/net/smc")
HISTORIES = "60" if os.environ.get("NPANEL_FULL") else "10"  # random ones of mail, enforced and observed


class KernelCase(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        """Debian's cloud kernel has the module in 6.1 and 6.12, and no more in 7.3."""
        cls.environment = os.environ | {"NPANEL_HISTORIES": HISTORIES}
        if SMC.exists():
            subprocess.run(["modprobe", "smc"], check=True)
            cls.environment["NPANEL_ALL_SOCKETS"] = "1"

    def run_all_tests_of(self, name):
        ran = subprocess.run([PROGRAMS / name, "--gtest_brief=1"], capture_output=True, text=True, timeout=MOST_SECONDS,
                             env=self.environment)
        self.assertEqual(ran.returncode, 0, ran.stdout + ran.stderr)
        self.assertRegex(ran.stdout, r"\[  PASSED  \] [1-9]\d* tests")

    def test_connect_hooks_pass_their_tests(self):
        self.run_all_tests_of("kernel.smtp_test")

    def test_mail_budget_alone_and_nested_passes_its_tests(self):
        self.run_all_tests_of("kernel.mail_test")
        self.run_all_tests_of("kernel.direct_mail_test")

    def test_connections_are_somebodys_and_counted_from_begin_to_end(self):
        self.run_all_tests_of("kernel.opener_test")
        self.run_all_tests_of("kernel.open_connections_test")

    def test_limits_hold_with_less_telemetry(self):
        self.run_all_tests_of("kernel.telemetry_test")

    def test_maps_of_another_layout_move_in(self):
        self.run_all_tests_of("kernel.layout_move_test")
        self.run_all_tests_of("kernel.pins_test")

    def test_processes_are_held_while_they_are_moved(self):
        self.run_all_tests_of("kernel.movable_test")

    def test_usage_walk_and_account_tree_pass_their_tests(self):
        self.run_all_tests_of("kernel.usage_test")
