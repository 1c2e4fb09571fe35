# SPDX-License-Identifier: Apache-2.0
"""Does a real Postfix, with the lines that the package brings, hold an account to its mail limits?"""
import base64
import os
import pathlib
import re
import shutil
import smtplib
import socketserver
import subprocess
import tempfile
import threading
import time

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
mydestination = vmtest
local_recipient_maps =
inet_interfaces = 127.0.0.1
inet_protocols = ipv4
mynetworks = 127.0.0.0/8
default_transport = discard:
transport_maps = inline:{ answers.example=smtp:[127.0.0.1]:2525, away.example=smtp:[192.0.2.77]:2525 }
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
    """As much of Dovecot's authentication protocol as Postfix speaks: whoever knows the password is who they say."""

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


def forge_in(pipe, root, line):
    """As bob, by each way to say something in Postfix's log."""
    root.enter()
    os.setgroups([])
    os.setgid(mta.BOB_UID)
    os.setuid(mta.BOB_UID)
    for tag in ("postfix/smtp", "postfix/smtp[1]", f"postfix/smtp[1]: {line}"):
        subprocess.run(["/usr/sbin/postlog", "-t", tag, line], capture_output=True)
    subprocess.run(["/usr/sbin/postlog", f"postfix/smtp[1]: {line}"], capture_output=True)
    with smtplib.SMTP("127.0.0.1", 25) as client:
        client.ehlo(f"x postfix/smtp[1]: {line}")
        client.docmd(f'MAIL FROM:<"{line}"@bob.example>')
        client.docmd(f'RCPT TO:<"x>, {line}"@vmtest>')
        client.docmd(line)
    pipe.send("done")


class PostfixCase(mta.MtaCase):
    @classmethod
    def setUpClass(cls):
        subprocess.run(["modprobe", "overlay"], check=True)
        super().setUpClass()
        cls.root = Root()
        cls.mta_root = cls.root.path
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

    def forget_queue(self):
        self.root.run("postsuper", "-d", "ALL")

    def forget_destinations(self):
        """qmgr(8) knows for some minutes which are dead, and ends at a reload."""
        self.forget_queue()
        self.root.run("postfix", "reload")
        support.wait_until(exim_case.answers, START_SECONDS, "Postfix answers")

    def mta_log(self):
        return (self.root.path / "var/log/postfix.log").read_text()

    def by_sendmail(self, times):
        return self.run_outside(sendmail_in, self.root, times).hear(mta.SECONDS)

    def test_unknown_recipients_throttle_the_account(self):
        self.assert_deliveries_throttle()

    def test_each_answer_is_understood_at_each_command(self):
        self.assert_each_answer_is_understood()

    def test_block_list_throttles_nobody_and_invented_addresses_do(self):
        self.assert_a_block_list_throttles_nobody_and_invented_addresses_do()

    def test_owner_gets_a_letter(self):
        self.assert_owner_gets_a_letter(self.in_root)

    def test_npanel_notice_service_hands_its_letters_to_postfix(self):
        """The unit as it is shipped, in Postfix's root: postdrop is setgid, and writes into the queue."""
        mta.write(NOTICE_DROP_IN, f"[Service]\nRootDirectory={self.root.path}\nBindPaths={NOTICES}\nReadWritePaths=+/var\n")
        self.addCleanup(subprocess.run, ["systemctl", "daemon-reload"], check=True)
        self.addCleanup(NOTICE_DROP_IN.unlink)
        subprocess.run(["systemctl", "daemon-reload"], check=True)
        subprocess.run(["systemctl", "stop", "npanel-notice.path"], check=True)
        self.addCleanup(subprocess.run, ["systemctl", "start", "npanel-notice.path"], check=True)
        mta.write(NOTICES / "bob.eml", "From: postmaster\nTo: unit@elsewhere.example\nSubject: test\n\nhello\n")
        self.addCleanup((NOTICES / "bob.eml").unlink, missing_ok=True)
        started = subprocess.run(["systemctl", "start", "npanel-notice.service"], capture_output=True)
        said = subprocess.run(["journalctl", "--no-pager", "-n", "30", "-u", "npanel-notice.service"], capture_output=True, text=True).stdout
        self.assertEqual(started.returncode, 0, said)
        self.assertFalse((NOTICES / "bob.eml").exists(), said)
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

    def accepted_from(self, sender):
        return [line for line in self.mta_log().splitlines() if f"from=<{sender}>" in line and "(queue active)" in line]

    def test_who_does_not_wait_for_the_answer_is_charged_and_not_its_neighbour(self):
        self.assert_early_closers_are_charged()

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

    def test_300_in_a_forward_are_charged_when_they_have_left(self):
        server = mta.answer_mail(self, mta.AWAY_ADDRESS)
        self.forward_to_300(server, 300)
        support.wait_until(lambda: self.sent("recipients_per_hour") == 300, mta.SECONDS, "the log is read")
        accepted, refusal = self.by_smtp(1, recipients=["bob@vmtest"])
        self.assertEqual((accepted, len(server.taken)), (0, 300))
        self.assert_deferred(refusal, "20 recipients an hour")
        self.assert_nobody_else_is_charged()

    def test_local_forward_costs_nothing_more(self):
        self.assert_local_forward_costs_nothing_more()

    def test_lines_that_others_bring_into_the_log_are_nobodys_evidence(self):
        """postlog(1) with the rights of a group, as Postfix 3.7 installs it, writes in any program's name."""
        server = mta.answer_mail(self, mta.AWAY_ADDRESS)
        self.bob()
        self.ann()
        self.hold_mail("smtp")
        self.addCleanup(self.hold_mail, "")
        self.assertEqual(self.run_outside(mta.send_as, 1, [f"good@{mta.AWAY}"], uid=mta.ANN_UID).hear(mta.SECONDS)[0], 1)
        queue_id = support.wait_until(lambda: re.findall(r"qmgr\[\d+\]: (\w+): from=<bob@", self.mta_log()), mta.SECONDS, "it is queued")[-1]
        line = f"{queue_id}: to=<x@elsewhere.example>, relay=none, delay=1, delays=0/0/0/1, dsn=5.4.4, status=bounced (Host not found)"
        for rights in ("755", "2755"):
            self.give_postlog_rights(rights)
            self.run_outside(forge_in, self.root, line).hear(mta.SECONDS)
            time.sleep(3)  # the log is read each second
            ann = self.anns_mail()
            by_others = {outcome: number for outcome, number in ann["deliveries"].items() if number and outcome != "local"}  # it is held here
            self.assertEqual((by_others, ann["sent"]["recipients_per_hour"]), ({}, 1), rights)
            self.assertEqual((f" postfix/smtp[1]: {line}" in self.mta_log(), "chmod g-s" in self.agent.log()), (rights == "2755",) * 2, rights)
        self.give_postlog_rights("755")
        self.hold_mail("")
        self.root.run("postqueue", "-f")
        support.wait_until(lambda: len(server.taken) == 1, mta.SECONDS, "ann's mail is delivered")
        support.wait_until(lambda: self.anns_mail()["deliveries"]["accepted"] == 1, mta.SECONDS, "the log is believed again")

    def hold_mail(self, transports):
        self.root.run("postconf", "-e", f"defer_transports={transports}")
        self.root.run("postfix", "reload")

    def give_postlog_rights(self, rights):
        """Where Postfix is, and where the agent looks."""
        ours = pathlib.Path("/usr/sbin/postlog")
        ours.touch()
        self.addCleanup(ours.unlink, missing_ok=True)
        ours.chmod(int(rights, 8))
        for command in (["chgrp", "postdrop", "/usr/sbin/postlog"], ["chmod", rights, "/usr/sbin/postlog"]):
            self.assertEqual(self.root.run(*command).returncode, 0)

    def test_mail_flows_while_the_agent_is_dead(self):
        self.assert_mail_flows_while_the_agent_is_dead()
