# SPDX-License-Identifier: Apache-2.0
"""Upgrade, downgrade, removal and purge of the Debian package: what do accounts and clients see of it?"""
import contextlib
import os
import shutil
import signal
import subprocess

import installed
import load
import support
from installed import CONFIG, PACKAGE, placement

LIMIT = 32
BOB_UID = 4001
PAGES = ("man1/npanelctl.1", "man5/npanel.toml.5", "man8/npanel-agent.8", "man8/npanel-watchdog.8")
UNPACKED = f"{support.DISK}/npanel-vmtest.package"
EDIT = "\n# an administrator was here\n"
OTHER_SUFFIX = "+vmtest"
FULL = installed.count("NPANEL_FULL", 0)  # half a minute for each installation: removal without purge only then


def version_of(package):
    return installed.run("dpkg-deb", "-f", str(package), "Version").strip()


def installed_version():
    return installed.run("dpkg-query", "-W", "-f", "${Version}", PACKAGE)


def install(package):
    """Nobody is there to answer a question: an edited configuration file is kept."""
    return installed.run("dpkg", "--force-confold", "--install", str(package))


class PackageCase(installed.ServiceCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        given = {version_of(path): path for path in installed.PACKAGES.glob(f"{PACKAGE}_*.deb")}
        cls.package = given.pop(installed_version(), None)
        if cls.package is None:
            raise AssertionError("the package that is installed is not in NPANEL_DEBS")
        cls.other = next(iter(given.values()), None) or cls.make_another()

    @classmethod
    def make_another(cls):
        """The same package under another version."""
        cls.addClassCleanup(installed.run, "rm", "-rf", UNPACKED, f"{UNPACKED}.deb")
        installed.run("dpkg-deb", "-R", str(cls.package), UNPACKED)
        installed.run("sed", "-i", rf"s/^Version: .*/&{OTHER_SUFFIX}/", f"{UNPACKED}/DEBIAN/control")
        installed.run("dpkg-deb", "-Znone", "--root-owner-group", "-b", UNPACKED, f"{UNPACKED}.deb")
        return f"{UNPACKED}.deb"

    def test_manual_pages_are_in_the_package(self):
        listed = installed.run("dpkg-deb", "-c", str(self.package))
        for page in PAGES:
            self.assertIn(f"./usr/share/man/{page}.gz", listed)

    def test_upgrade_and_downgrade_refuse_no_client_and_let_nothing_through(self):
        flood = load.Flood(self)
        clients = load.Clients(self.agent, watched=flood.account)
        self.addCleanup(clients.clean_up)
        CONFIG.write_text(self.agent.config_as_installed + EDIT)
        self.addCleanup(CONFIG.write_text, self.agent.config_as_installed)
        before, socket = placement(flood.workers), os.stat(self.agent.socket).st_ino
        for package in (self.other, self.package):
            pid = self.agent.pid
            install(package)
            self.assertEqual(installed_version(), version_of(package))
            self.assertTrue(self.agent.is_healthy())
            self.assertNotEqual(self.agent.pid, pid)
            self.agent.wait_until_watched()
            self.assertEqual(os.stat(self.agent.socket).st_ino, socket)
        clients.assert_all_there(self)
        flood.assert_held(self)
        self.assertEqual(placement(flood.workers), before)
        self.assertEqual(clients.broken, [])
        self.assertEqual(CONFIG.read_text(), self.agent.config_as_installed + EDIT)
        self.assert_active()

    def test_upgrade_onto_a_wrong_configuration_says_so_and_the_old_agent_goes_on(self):
        bob, worker = self.limited(pids_max=LIMIT)
        pids = installed.shown("MainPID", installed.AGENT, installed.WATCHDOG)
        CONFIG.write_text(self.agent.config_as_installed + "\n[nonsense]\nports = 25\n")
        self.addCleanup(install, self.package)
        self.addCleanup(CONFIG.write_text, self.agent.config_as_installed)
        ran = subprocess.run(["dpkg", "--force-confold", "--install", str(self.other)], capture_output=True, text=True)
        self.assertEqual(ran.returncode, 0, ran.stdout + ran.stderr)
        self.assertIn("the configuration is wrong", ran.stderr)
        self.assertIn("nonsense", ran.stderr)
        self.assertIn("the agent of before goes on", ran.stderr)
        self.assertEqual(installed.shown("MainPID", installed.AGENT, installed.WATCHDOG), pids)
        self.assertTrue(self.agent.is_healthy())
        self.assertEqual(bob.read("pids.max"), str(LIMIT))
        self.assert_refused(worker)
        CONFIG.write_text(self.agent.config_as_installed)
        installed.systemctl("restart", installed.WATCHDOG, installed.AGENT)
        self.agent.wait_until_watched()
        self.assert_refused(worker)

    def test_no_restart_and_no_upgrade_forgets_that_accounts_were_lost(self):
        """The database is gone with its backups; the kernel still holds bob."""
        _, worker = self.limited(pids_max=LIMIT, uid=BOB_UID)
        self.put_back_afterwards()
        installed.systemctl("stop", *installed.UNITS)
        for path in installed.STATE.glob("npanel.db*"):
            path.unlink()
        shutil.rmtree(installed.STATE / "backups", ignore_errors=True)
        steps = (lambda: installed.systemctl("start", *installed.UNITS), lambda: os.kill(self.agent.pid, signal.SIGKILL),
                 lambda: install(self.other), lambda: installed.systemctl("restart", installed.AGENT), lambda: install(self.package))
        for step in steps:
            step()
            support.wait_until(lambda: self.reasons(), installed.READY_SECONDS, "the agent answers")
            self.assertIn("npanelctl accounts confirm", self.reasons())
            bob = support.Account(self.agent, "bob").show()
            self.assertEqual((bob["uid"], bob["limits"]["pids_max"], bob["smtp"]["per_minute"]), (BOB_UID, LIMIT, 0))
            self.assertEqual(support.Account(self.agent, "bob").read("pids.max"), str(LIMIT))
            self.assert_refused(worker)
        installed.ctl("accounts", "confirm")
        self.assertNotIn("accounts confirm", self.reasons())
        installed.systemctl("restart", installed.AGENT)
        support.wait_until(lambda: self.reasons(), installed.READY_SECONDS, "the agent answers")
        self.assertNotIn("accounts confirm", self.reasons())
        self.assert_refused(worker)

    def reasons(self):
        """What /healthz says; empty while nobody answers."""
        with contextlib.suppress(OSError):
            return self.agent.request("GET", "/healthz").body.decode()
        return ""

    def test_purge_ends_the_limits_and_deletes_the_data_and_says_so(self):
        bob, worker = self.limited(pids_max=LIMIT)
        self.addCleanup(self.put_package_back)
        if FULL:
            self.remove_and_install(bob, worker)
        self.assert_ends_limits("--purge", bob, worker)
        for path in (installed.STATE, CONFIG.parent):
            self.assertFalse(path.exists(), path)

    def remove_and_install(self, bob, worker):
        self.assert_ends_limits("--remove", bob, worker)
        self.assertTrue(installed.DATABASE.exists())
        install(self.package)
        self.agent.wait_until_watched()
        self.assertEqual(bob.read("pids.max"), str(LIMIT))
        self.assert_refused(worker)

    def assert_ends_limits(self, how, bob, worker):
        self.assertIn("limits are no longer enforced", installed.run("dpkg", how, PACKAGE))
        self.assert_passes(worker)
        self.assertEqual(bob.read("pids.max"), "max")

    def put_package_back(self):
        install(self.package)
        self.agent.start()
