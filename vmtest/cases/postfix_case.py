# SPDX-License-Identifier: Apache-2.0
"""Does a real Postfix, with the lines that the package brings, hold an account to its mail limits?"""
import base64
import os
import pathlib
import shutil
import socketserver
import subprocess
import tempfile
import threading

import exim_case
import mta
import support

FILES = "/opt/postfix"  # Debian's package, unpacked: two MTAs cannot be installed at once
OURS = pathlib.Path("/usr/share/npanel/postfix")
START_SECONDS = 20
NOTICES = pathlib.Path("/var/lib/npanel/notices")
NOTICE_DROP_IN = pathlib.Path("/run/systemd/system/npanel-notice.service.d/vmtest.conf")
SETTINGS = """
compatibility_level = 3.6
myhostname = vmtest
mydestination =
inet_interfaces = 127.0.0.1
inet_protocols = ipv4
mynetworks = 127.0.0.0/8
default_transport = discard:
transport_maps = inline:{ answers.example=smtp:[127.0.0.1]:2525 }
alias_maps =
maillog_file = /var/log/postfix.log
smtpd_sasl_auth_enable = yes
smtpd_sasl_type = dovecot
smtpd_sasl_path = private/auth
smtpd_hard_error_limit = 1000
smtpd_soft_error_limit = 1000
"""


class Root:
    """The guest's root with Postfix laid over it: nothing of it is left at the end."""

    def __init__(self):
        self.layers = pathlib.Path(tempfile.mkdtemp(prefix="npanel-vmtest.", dir="/run"))
        self.path = self.layers / "root"
        for name in ("root", "upper", "work"):
            (self.layers / name).mkdir()
        options = f"lowerdir=/,upperdir={self.layers}/upper,workdir={self.layers}/work"
        mount("-t", "overlay", "overlay", "-o", options, self.path)
        for name in ("proc", "dev", "run"):
            mount("--bind", f"/{name}", self.path / name)
        files = subprocess.Popen(["tar", "-C", FILES, "-c", "."], stdout=subprocess.PIPE)
        subprocess.run(["tar", "-C", self.path, "-x", "--keep-directory-symlink"], stdin=files.stdout, check=True)
        files.wait()

    def run(self, *command):
        return subprocess.run(["chroot", self.path, *command], capture_output=True, text=True)

    def enter(self):
        os.chroot(self.path)
        os.chdir("/")

    def remove(self):
        # Postfix has stopped, but its last processes may still be on their way.
        support.wait_until(lambda: subprocess.run(["umount", "-R", self.path], capture_output=True).returncode == 0, START_SECONDS,
                           "nothing of Postfix runs any more")
        shutil.rmtree(self.layers)


class Dovecot(socketserver.StreamRequestHandler):
    """As much of Dovecot's authentication protocol as Postfix speaks: whoever knows the password is who he says."""

    def handle(self):
        self.say("VERSION\t1\t2", "MECH\tPLAIN\tplaintext", f"SPID\t{os.getpid()}", "CUID\t1", "COOKIE\t" + "0" * 32, "DONE")
        for line in self.rfile:
            command, number, *parameters = line.decode().rstrip("\n").split("\t")
            if command == "AUTH":
                response = next(value[len("resp="):] for value in parameters if value.startswith("resp="))
                _, user, password = base64.b64decode(response).decode().split("\0")
                self.say(f"OK\t{number}\tuser={user}" if password == mta.PASSWORD else f"FAIL\t{number}\tuser={user}")

    def say(self, *lines):
        self.wfile.write("".join(f"{line}\n" for line in lines).encode())


def authenticate(path):
    server = socketserver.ThreadingUnixStreamServer(str(path), Dovecot)
    server.daemon_threads = True
    path.chmod(0o666)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return server


def mount(*arguments):
    subprocess.run(["mount", *arguments], check=True)


def sendmail_in(pipe, root, times):
    root.enter()
    os.setgid(mta.BOB_UID)
    os.setuid(mta.BOB_UID)
    mta.sendmail(pipe, times)


class PostfixCase(mta.MtaCase):
    @classmethod
    def setUpClass(cls):
        subprocess.run(["modprobe", "overlay"], check=True)
        super().setUpClass()
        cls.root = Root()
        cls.addClassCleanup(cls.root.remove)
        cls.addClassCleanup(cls.agent.end)  # its policy socket is in there
        cls.spool = cls.root.path / "var/spool/postfix"
        cls.set_up_postfix()
        cls.move_policy_socket()
        cls.set_config(cls.mta_log_path, cls.root.path / "var/log/postfix.log")
        cls.agent.start()
        started = cls.root.run("postfix", "start")
        if started.returncode != 0:
            raise AssertionError(started.stderr)
        cls.addClassCleanup(cls.root.run, "postfix", "stop")
        auth = authenticate(cls.spool / "private/auth")
        cls.addClassCleanup(auth.server_close)
        cls.addClassCleanup(auth.shutdown)
        support.wait_until(exim_case.answers, START_SECONDS, "Postfix answers")

    @classmethod
    def set_up_postfix(cls):
        etc = cls.root.path / "etc/postfix"
        (etc / "main.cf").write_text(SETTINGS + (OURS / "main.cf").read_text())
        shutil.copy(cls.root.path / "usr/share/postfix/master.cf.dist", etc / "master.cf")
        for command in (["chown", "postfix", "/var/lib/postfix"], ["chgrp", "postdrop", "/usr/sbin/postdrop", "/usr/sbin/postqueue"],
                        ["chmod", "g+s", "/usr/sbin/postdrop", "/usr/sbin/postqueue"],
                        ["cp", OURS / "msmtprc", "/etc/msmtprc"],
                        ["mv", "/usr/sbin/sendmail", "/usr/sbin/sendmail.postfix"],
                        ["ln", "-s", "/usr/bin/msmtp", "/usr/sbin/sendmail"]):
            ran = cls.root.run(*command)
            if ran.returncode != 0:
                raise AssertionError(f"{command}: {ran.stderr}")

    @classmethod
    def move_policy_socket(cls):
        """Where Postfix's lines look for it: below the queue directory."""
        here = cls.agent.policy
        cls.agent.policy = str(cls.spool / "npanel/policy.sock")
        cls.set_config(here, cls.agent.policy)

    def mta_log(self):
        return (self.root.path / "var/log/postfix.log").read_text()

    def by_sendmail(self, times):
        return self.run_outside(sendmail_in, self.root, times).hear(mta.SECONDS)

    def test_unknown_recipients_brake_the_account(self):
        self.assert_deliveries_brake()

    def test_owner_gets_a_letter(self):
        self.assert_owner_gets_a_letter(self.in_root)

    def test_npanel_notice_service_hands_its_letters_to_postfix(self):
        """The unit as it is shipped, in Postfix's root: postdrop is setgid, and writes into the queue."""
        mta.write(NOTICE_DROP_IN, f"[Service]\nRootDirectory={self.root.path}\nBindPaths={NOTICES}\n")
        self.addCleanup(subprocess.run, ["systemctl", "daemon-reload"], check=True)
        self.addCleanup(NOTICE_DROP_IN.unlink)
        subprocess.run(["systemctl", "daemon-reload"], check=True)
        mta.write(NOTICES / "bob.eml", "From: postmaster\nTo: unit@elsewhere.example\nSubject: test\n\nhello\n")  # npanel-notice.path sees it
        self.addCleanup((NOTICES / "bob.eml").unlink, missing_ok=True)
        support.wait_until(lambda: not (NOTICES / "bob.eml").exists(), mta.SECONDS, "the letter is handed over")
        support.wait_until(lambda: "to=<unit@elsewhere.example>" in self.mta_log(), mta.SECONDS, "the letter is in Postfix' log")

    def in_root(self, command):
        """The agent's directory is not in there."""
        (self.root.path / "run/npanel-vmtest-notices").mkdir()
        mount("--bind", command[1], self.root.path / "run/npanel-vmtest-notices")
        try:
            return self.root.run(command[0], "/run/npanel-vmtest-notices")
        finally:
            subprocess.run(["umount", self.root.path / "run/npanel-vmtest-notices"], check=True)
            (self.root.path / "run/npanel-vmtest-notices").rmdir()

    def test_501st_of_600_of_a_process_is_deferred_with_452(self):
        self.assert_501st_of_600_is_deferred(self.by_smtp)

    def test_login_is_the_account_whoever_connects(self):
        self.bob(messages_per_hour=2)
        accepted, refusal = self.by_login(3)
        self.assertEqual((accepted, self.sent()), (2, 2))
        self.assert_deferred(refusal, "2 messages an hour")
        self.assertEqual(self.by_smtp(1)[0], 0)  # the same budget

    def test_101st_of_110_in_15_minutes_is_deferred(self):
        self.assert_101st_of_110_is_deferred()

    def test_recipients_and_bytes_are_counted(self):
        self.assert_recipients_and_bytes_are_counted()

    def test_redirected_mail_lands_here_and_is_charged(self):
        self.assert_redirected_mail_is_charged()

    def test_sendmail_draws_on_the_same_budget(self):
        self.assert_sendmail_draws_on_the_same_budget()

    def test_postfixs_own_sendmail_is_no_way_round(self):
        self.bob(messages_per_hour=0)
        ran = self.root.run("setpriv", f"--reuid={mta.BOB_UID}", f"--regid={mta.BOB_UID}", "--clear-groups",
                            "sh", "-c", f"echo hello | /usr/sbin/sendmail.postfix {mta.RECIPIENTS[0]}")
        self.assertNotEqual(ran.returncode, 0)
        self.assertIn("is not allowed to submit mail", ran.stderr)

    def test_mail_flows_while_the_agent_is_dead(self):
        self.assert_mail_flows_while_the_agent_is_dead()
