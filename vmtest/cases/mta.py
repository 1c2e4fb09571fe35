# SPDX-License-Identifier: Apache-2.0
"""What the cases about Exim and Postfix share: an account with a mail limit, and the ways by which it sends."""
import os
import pathlib
import re
import shutil
import smtplib
import socketserver
import subprocess
import threading
import time

import early_close
import sink
import support

BOB_UID = 4001
ANN_UID = 4002
PASSWORD = "secret"
PER_15MIN, PER_HOUR = 100, 500
ANY_RATE = {"per_minute": 60000, "burst": 10000}
MESSAGE = "Subject: test\r\nX-PHP-Originating-Script: 4001:mail.php\r\n\r\nhello\r\n"
RECIPIENTS = ("one@elsewhere.example", "two@elsewhere.example", "three@elsewhere.example")
SECONDS = 60  # 600 messages, and an MTA's forks
DEFERRED = 452
ELSEWHERE = "192.0.2.7"  # RFC 5737; there is no way there
ANSWERS = "answers.example"  # a domain whose mail server is Answering
ANSWERING_PORT = 2525
AWAY = "away.example"  # the same, at an address that is not the loopback's: what goes there has left the host
AWAY_ADDRESS = "192.0.2.77"  # RFC 5737; on lo, and no way leads there from elsewhere
# At which command another server says what, and what it means.
ANSWERS_OF_OTHERS = (
    ("rcpt", "550 5.1.1 no such user", "unknown_recipients"),
    ("rcpt", "550 5.4.1 Recipient address rejected: Access denied", "unknown_recipients"),
    ("rcpt", "550-5.1.1 The email account that you tried to reach does not exist.\n550 5.1.1 Please try again", "unknown_recipients"),
    ("rcpt", "550 Requested action not taken: mailbox unavailable", "unknown_recipients"),
    ("rcpt", "550-refused - [192.0.2.77]:41022 is in a block list:\n550 see https://bl.example/q?192.0.2.77", "server"),
    ("rcpt", "550 authentication required, relaying denied", "server"),
    ("rcpt", "450 4.2.0 Greylisted, try again in 300 seconds", "deferred"),
    ("rcpt", "552 5.2.2 mailbox full", "deferred"),
    ("rcpt", "550 5.7.1 hm", "unclear"),
    ("mail", "550 5.7.23 SPF validation failed", "authentication"),
    ("mail", "550 5.7.606 Access denied, banned sending IP [192.0.2.77]", "server"),
    ("data", "554 5.7.1 this message looks like spam", "content"),
    ("end_of_data", "550-5.7.26 This mail is unauthenticated:\n550 5.7.26 SPF and DKIM did not pass", "authentication"),
    ("end_of_data", "550 5.7.1 Message rejected as spam", "content"),
    ("end_of_data", "554 5.6.0 virus Eicar found", "content"),
    ("end_of_data", "250 2.0.0 taken", "accepted"),
    ("mail", "451 4.7.500 Server busy. Please try again later from [192.0.2.77]", "server"),
    ("end_of_data", "454 4.7.0 Throttling failure: maximum sending rate exceeded", "server"),
    ("helo", "550 5.7.1 Access denied, bad HELO", "server"),
    ("connect", "554 5.7.1 no reverse DNS for 192.0.2.77", "authentication"),
    ("connect", "421 4.7.0 too many connections from 192.0.2.77", "server"),
)
SEND_NOTICES = "/usr/lib/npanel/send-notices"


class Answering(socketserver.StreamRequestHandler):
    """Another host's mail server: it knows no unknown…, defers later…, blocks blocked…, and takes all others: server.taken."""

    def handle(self):
        self.say("220 mx.answers.example ESMTP")
        recipients = []
        for line in self.rfile:
            command = line.decode().strip()
            if command.upper() == "DATA":
                self.say("354 go on")
                for part in self.rfile:
                    if part.strip() == b".":
                        break
                self.server.taken += recipients
                recipients = []
                self.say("250 2.0.0 taken")
            elif command.upper() == "QUIT":
                self.say("221 2.0.0 bye")
                return
            else:
                answer = self.answer(command)
                if command.upper().startswith("RCPT") and answer.startswith("250"):
                    recipients.append(command)
                self.say(answer)

    def answer(self, command):
        for recipient, answer in (("unknown", "550 5.1.1 no such user"), ("later", "451 4.7.1 come back later"), ("blocked", "550 5.7.1 blocked")):
            if command.upper().startswith("RCPT") and f"<{recipient}" in command:
                return answer
        return "250 2.1.5 ok"

    def say(self, line):
        self.wfile.write(line.encode() + b"\r\n")


def answer_mail(case, address="127.0.0.1"):
    server = socketserver.ThreadingTCPServer((address, ANSWERING_PORT), Answering, bind_and_activate=False)
    server.taken = []
    server.allow_reuse_address = server.daemon_threads = True
    server.server_bind()
    server.server_activate()
    threading.Thread(target=server.serve_forever, daemon=True).start()
    case.addCleanup(server.server_close)
    case.addCleanup(server.shutdown)
    return server


def send_as(pipe, times, recipients=RECIPIENTS[:1], login=None, bytes_each=0, host="127.0.0.1"):
    """Over one connection; says how many were accepted, and the code and the sentence of the last refusal."""
    accepted, refusal = 0, None
    with smtplib.SMTP(host, 25, timeout=support.HTTP_SECONDS * support.TIME_SCALE) as client:
        client.ehlo()
        if login:
            client.login(login, PASSWORD)
        for _ in range(times):
            try:
                client.sendmail("bob@bob.example", recipients, MESSAGE + "x" * bytes_each)
                accepted += 1
            except smtplib.SMTPResponseException as error:
                refusal = (error.smtp_code, one_line(error.smtp_error.decode()))
    pipe.send((accepted, refusal))


def one_line(text):
    """Without the enhanced status code that each line of it begins with."""
    return " ".join(re.sub(r"(?m)^\d\.\d+\.\d+ ?", "", text).split())


def sendmail(pipe, times):
    """As PHP's mail() calls it; says how many went, and what the last that did not was told."""
    os.chdir("/var/tmp")
    accepted, told = 0, ""
    for _ in range(times):
        ran = subprocess.run(["/usr/sbin/sendmail", "-t", "-i"], input=f"To: {RECIPIENTS[0]}\n{MESSAGE}".replace("\r\n", "\n"),
                             capture_output=True, text=True)
        accepted += ran.returncode == 0
        told = ran.stderr or told
    pipe.send((accepted, told))


class MtaCase(support.AgentCase):
    """Bob's processes run outside of bob's cgroup, with bob's uid, as those of a web server do until somebody puts them where they belong."""

    mta_log_path = "/var/log/exim4/mainlog"
    config = '[smtp]\nallow = ["127.0.0.0/8", "::1"]\n[mail]\nlogs = ["{log}"]\n'

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.agent.directory.chmod(0o711)
        cls.set_config("{log}", cls.mta_log_path)
        for name, uid in (("bob", BOB_UID), ("ann", ANN_UID)):
            subprocess.run(["useradd", "--uid", str(uid), "--no-create-home", name], check=True)
            cls.addClassCleanup(subprocess.run, ["userdel", name], check=True, capture_output=True)
        subprocess.run(["ip", "address", "add", f"{AWAY_ADDRESS}/32", "dev", "lo"], check=True)
        cls.addClassCleanup(subprocess.run, ["ip", "address", "del", f"{AWAY_ADDRESS}/32", "dev", "lo"], check=True)

    @classmethod
    def set_config(cls, old, new):
        cls.agent.config_path.write_text(cls.agent.config_path.read_text().replace(old, str(new)))

    def bob(self, **mail):
        return self.account("bob", smtp=ANY_RATE, uid=BOB_UID, mail=mail)

    def by_smtp(self, times, **how):
        return self.run_outside(send_as, times, *how.values(), uid=BOB_UID).hear(SECONDS)

    def by_login(self, times):
        """Somebody else's process with bob's password: from another host, it would be the same."""
        return self.run_outside(send_as, times, RECIPIENTS[:1], "bob").hear(SECONDS)

    def by_sendmail(self, times):
        return self.run_outside(sendmail, times, uid=BOB_UID).hear(SECONDS)

    def sent(self, limit="messages_per_hour"):
        return self.agent.ask("GET", "/api/v1/accounts/bob/mail")["sent"][limit]

    def assert_deferred(self, refusal, limit):
        self.assertEqual(refusal[0], DEFERRED, refusal)
        self.assertIn(f"account bob has a limit of {limit}, which is used up; it is free again in", refusal[1])

    def assert_501st_of_600_is_deferred(self, send):
        self.bob(messages_per_hour=PER_HOUR)
        accepted, refusal = send(600)
        self.assertEqual(accepted, PER_HOUR)
        self.assert_deferred(refusal, "500 messages an hour")
        metrics = self.agent.request("GET", "/metrics").body.decode()
        for line in ('npanel_mail_rate_limit_rejected_total{account="bob",way="mta"} 100',
                     'npanel_mail_rate_limit_current{account="bob",limit="messages_per_hour"} 500',
                     'npanel_mail_rate_limit_configured{account="bob",limit="messages_per_hour"} 500',
                     'npanel_mail_messages_total{account="bob",answer="accepted"} 500'):
            self.assertIn(f"\n{line}\n", metrics)

    def assert_101st_of_110_is_deferred(self):
        self.bob(messages_per_15min=PER_15MIN)
        accepted, refusal = self.by_smtp(110)
        self.assertEqual(accepted, PER_15MIN)
        self.assert_deferred(refusal, "100 messages in 15 minutes")

    def assert_recipients_and_bytes_are_counted(self):
        self.bob(recipients_per_hour=10)
        accepted, refusal = self.by_smtp(5, recipients=RECIPIENTS)
        self.assertEqual((accepted, self.sent("recipients_per_hour")), (3, 9))
        self.assert_deferred(refusal, "10 recipients an hour")
        self.agent.ask("PATCH", "/api/v1/accounts/bob", {"mail": {"recipients_per_hour": None, "bytes_per_hour": 100_000}})
        accepted, refusal = self.by_smtp(5, recipients=RECIPIENTS[:1], login=None, bytes_each=40_000)
        self.assertEqual(accepted, 2)
        self.assert_deferred(refusal, "100000 bytes an hour")

    def assert_sendmail_draws_on_the_same_budget(self):
        self.bob(messages_per_hour=5)
        self.assertEqual(self.by_smtp(2)[0], 2)
        accepted, told = self.by_sendmail(5)
        self.assertEqual(accepted, 3)
        self.assertEqual(self.by_smtp(1)[0], 0)
        self.assertIn("account bob has a limit of 5 messages an hour", told or self.mta_log())

    def assert_redirected_mail_is_charged(self):
        """Bob believes to speak to a server elsewhere."""
        bob = self.account("bob", smtp=ANY_RATE | {"mode": "redirect"}, uid=BOB_UID, mail={"messages_per_hour": 2})
        accepted, refusal = self.run_outside(send_as, 3, RECIPIENTS[:1], None, 0, ELSEWHERE, uid=BOB_UID).hear(SECONDS)
        self.assertEqual((accepted, self.sent()), (2, 2))
        self.assert_deferred(refusal, "2 messages an hour")
        self.assertEqual(bob.stats()["smtp"]["redirected"], 1)
        self.assertGreaterEqual(self.mta_log().count("bob@bob.example"), accepted)

    def deliver(self):
        """What waits in the queue; an MTA that has none delivers at once."""

    mta_root = pathlib.Path("/")

    def ann(self, **mail):
        return self.account("ann", smtp=ANY_RATE, uid=ANN_UID, mail=mail)

    def anns_mail(self):
        return self.agent.ask("GET", "/api/v1/accounts/ann/mail")

    def forward_bobs_mail_to(self, *targets):
        home = self.mta_root / "home/bob"
        home.mkdir(parents=True, exist_ok=True)
        self.addCleanup(shutil.rmtree, home)
        (home / ".forward").write_text("".join(f"{target}\n" for target in targets))
        for path in (home, home / ".forward"):
            os.chown(path, BOB_UID, BOB_UID)

    def forward_to_300(self, server, many):
        """Bob sends one message to himself; so many get it."""
        self.bob(recipients_per_hour=20)
        self.ann(recipients_per_hour=20)
        self.forward_bobs_mail_to(*(f"r{number}@{AWAY}" for number in range(300)))
        self.assertEqual(self.by_smtp(1, recipients=["bob@vmtest"])[0], 1)
        self.deliver()
        support.wait_until(lambda: len(server.taken) >= many, SECONDS, f"{many} have it")

    def charged_of_early_closers(self, end, place):
        """Bob sends in ann's name and does not wait; how much of it was charged to whom once the MTA has asked about all."""
        bob = self.bob(messages_per_hour=3)
        before = len(self.accepted_from(early_close.NEIGHBOUR))
        if place == "inside":
            sender = self.run_in(bob, early_close.send, end, uid=BOB_UID)
        else:
            sender = self.run_outside(early_close.send, end, uid=BOB_UID)
        tries = sender.hear(SECONDS)

        def asked():
            mail = self.bobs_mail()
            return mail["sent"]["messages_per_hour"] + mail["deferred"]

        if end != "reset":  # which may take away what the MTA had not read
            support.wait_until(lambda: asked() == tries, SECONDS, f"the MTA has asked about {tries}")
        support.wait_until_still(asked, 1)
        charged = self.sent()
        sender.kill()
        bob.delete()
        return tries, charged, len(self.accepted_from(early_close.NEIGHBOUR)) - before

    def assert_early_closers_are_charged(self):
        self.ann(messages_per_hour=100)
        for place in ("outside", "inside"):
            for end in early_close.ENDS:
                with self.subTest(end, place=place):
                    tries, charged, accepted = self.charged_of_early_closers(end, place)
                    # An MTA may drop what it has accepted when nobody is there to be told (Exim: "lost after final dot").
                    self.assertEqual(tries, early_close.TRIES)
                    self.assertLessEqual(accepted, charged)
                    self.assertLessEqual(charged, 3)
                    if end != "reset":
                        self.assertEqual(charged, 3)
                    if end == "quit_and_close":
                        self.assertEqual(accepted, 3)
        self.assertEqual(self.anns_mail()["sent"]["messages_per_hour"], 0)
        self.assertEqual(self.agent.ask("GET", "/api/v1/mail/unattributed")["sent"]["messages_per_hour"], 0)

    def assert_nobody_else_is_charged(self):
        ann = self.anns_mail()
        self.assertEqual((ann["sent"]["recipients_per_hour"], sum(ann["deliveries"].values()), ann["throttle"]), (0, 0, None))

    def assert_local_forward_costs_nothing_more(self):
        self.bob(recipients_per_hour=20)
        self.forward_bobs_mail_to("\\bob", "/home/bob/copy", "ann@vmtest")
        self.assertEqual(self.by_smtp(1, recipients=["bob@vmtest"])[0], 1)
        self.deliver()
        support.wait_until((self.mta_root / "home/bob/copy").exists, SECONDS, "it is delivered")
        time.sleep(3)  # the log is read each second
        self.assertEqual(self.sent("recipients_per_hour"), 1)

    def bobs_mail(self):
        return self.agent.ask("GET", "/api/v1/accounts/bob/mail")

    def assert_deliveries_throttle(self):
        """30 recipients that were taken, 15 that do not exist; 3 were put off and 3 blocked, which says little."""
        answer_mail(self, AWAY_ADDRESS)
        self.bob(messages_per_hour=400)
        for who, many in (("good", 30), ("later", 3), ("blocked", 3), ("unknown", 15)):
            self.assertEqual(self.by_smtp(1, recipients=[f"{who}{number}@{AWAY}" for number in range(many)])[0], 1)
        self.deliver()
        throttle = support.wait_until(lambda: self.bobs_mail()["throttle"], SECONDS, "bob is throttled")
        support.wait_until(lambda: sum(self.bobs_mail()["deliveries"].values()) == 51, SECONDS, "all of the log is read")
        self.assertEqual(throttle["cause"], "unknown_recipients")
        self.assert_outcomes(accepted=30, unknown_recipients=15, deferred=3, unclear=3)
        self.assertEqual(self.bobs_mail()["limits"]["messages_per_hour"], 100)
        accepted, refusal = self.by_smtp(100)
        self.assertEqual(accepted, 96)
        self.assert_deferred(refusal, "100 messages an hour")

    def assert_outcomes(self, **wanted):
        """Of bob's mail of the last hour."""
        self.assertEqual({outcome: many for outcome, many in self.bobs_mail()["deliveries"].items() if many}, wanted)

    def send_and_deliver(self, login, recipients):
        self.assertEqual(self.run_outside(send_as, 1, recipients, login).hear(SECONDS)[0], 1)
        self.deliver()

    def assert_each_answer_is_understood(self):
        """As this MTA logs them; those that refuse a connection are the last, for an MTA remembers whom it has not reached."""
        server = sink.start(self, AWAY_ADDRESS, ANSWERING_PORT)
        self.bob(messages_per_hour=400)
        wanted = {}
        for number, (stage, reply, outcome) in enumerate(ANSWERS_OF_OTHERS):
            with self.subTest(reply, stage=stage):
                server.told = {stage: reply}
                self.send_and_deliver("bob", [f"x{number}@{AWAY}"])
                wanted[outcome] = wanted.get(outcome, 0) + 1
                support.wait_until(lambda: sum(self.bobs_mail()["deliveries"].values()) >= number + 1, SECONDS, "the log is read")
                self.assert_outcomes(**wanted)
                self.forget_queue()
        for line in self.mta_log().splitlines():
            if "@away.example" in line and (" ** " in line or " == " in line or "status=" in line):
                print(f"line {line}", flush=True)
        unclear = self.agent.ask("GET", "/api/v1/mail/unclear")
        self.assertEqual((unclear["count"], unclear["answers"][0]["text"]), (1, "5.7.1 hm"))
        self.assertIn("5.7.1 hm", self.agent.ctl("mail", "unclear"))

    def forget_queue(self):
        """Nothing of it is tried again."""

    def forget_destinations(self):
        """Which of them could not be reached."""
        self.forget_queue()

    def assert_a_block_list_throttles_nobody_and_invented_addresses_do(self):
        """20 accounts' mail of an hour meets a list that this server is on; bob invents addresses meanwhile."""
        sink.start(self, AWAY_ADDRESS, ANSWERING_PORT, connect="554 5.7.1 Service unavailable; Client host [192.0.2.77] blocked using zen.spamhaus.org")
        sink.start(self, "127.0.0.1", ANSWERING_PORT, rcpt="550 5.4.1 Recipient address rejected: Access denied")
        self.addCleanup(self.forget_destinations)
        seen = max((event["id"] for event in self.agent.ask("GET", "/api/v1/events")["events"]), default=0)
        self.bob(messages_per_hour=400)
        innocents = [self.account(f"shop{number}", smtp=ANY_RATE, mail={"messages_per_hour": 400}) for number in range(20)]
        for innocent in innocents:
            for message in range(5):
                recipients = [f"r{message}x{number}@{AWAY}" for number in range(5)]
                self.assertEqual(self.run_outside(send_as, 1, recipients, innocent.name).hear(SECONDS)[0], 1)
        for start in range(0, 48, 12):
            recipients = [f"invented{number}@{ANSWERS}" for number in range(start, start + 12)]
            self.assertEqual(self.run_outside(send_as, 1, recipients, "bob").hear(SECONDS)[0], 1)
        self.deliver()
        throttle = support.wait_until(lambda: self.bobs_mail()["throttle"], SECONDS, "bob is throttled")
        self.assertEqual((throttle["cause"], throttle["percent"]), ("unknown_recipients", 100))
        self.assertEqual(self.bobs_mail()["limits"]["messages_per_hour"], 100)
        findings = support.wait_until(lambda: [each for each in self.agent.ask("GET", "/api/v1/mail/findings")["findings"] if each["accounts"] == 20],
                                      SECONDS, "all of the log is read")
        self.assertEqual([each["trouble"] for each in self.agent.ask("GET", "/api/v1/mail/findings")["findings"]], ["reputation"])
        self.assertIn("zen.spamhaus.org", findings[0]["answer"])
        self.assertIn("block list", self.agent.ctl("mail", "findings"))
        for innocent in innocents:
            mail = self.agent.ask("GET", f"/api/v1/accounts/{innocent.name}/mail")
            self.assertIsNone(mail["throttle"], mail)
            self.assertEqual(mail["deliveries"]["server"], sum(mail["deliveries"].values()), mail)
        events = [event for event in self.agent.ask("GET", "/api/v1/events?limit=1000")["events"] if event["id"] > seen]
        self.assertEqual([event["kind"] for event in events if event["kind"].startswith("mail_finding")], ["mail_finding"])
        self.assertEqual([event["account"] for event in events if event["kind"] == "mail_throttled"], ["bob"])
        why = self.agent.ctl("mail", "why", "bob")
        for text in ("100 % unknown_recipients", 'answers.example: "550 5.4.1 Recipient address rejected: Access denied"', "off the list"):
            self.assertIn(text, why)

    def assert_owner_gets_a_letter(self, run):
        """By `run`, which starts a program where the MTA is; the letter is for bob's own mailbox."""
        notices = self.agent.directory / "notices"
        for letter in notices.glob("*"):  # of the tests before
            letter.unlink()
        self.bob(messages_per_hour=0)
        self.by_smtp(1)
        support.wait_until((notices / "bob.eml").exists, SECONDS, "a letter is written")
        ran = run([SEND_NOTICES, str(notices)])
        self.assertEqual((ran.returncode, list(notices.iterdir())), (0, []), ran.stderr)
        self.deliver()
        support.wait_until(lambda: "<bob@vmtest>" in self.mta_log(), SECONDS, "the letter is in the MTA's log")

    def assert_mail_flows_while_the_agent_is_dead(self):
        self.bob(messages_per_hour=1)
        self.assertEqual(self.by_smtp(3)[0], 1)
        self.addCleanup(self.start_again)
        self.agent.end()
        # One connection each: Exim 4.96 loses its log, and with it the connection, at the second message after a connect() to the
        # socket was refused. Under systemd it is not: there the socket is open whether the agent runs or not.
        self.assertEqual([self.by_smtp(1)[0] for _ in range(3)], [1] * 3)
        self.agent.start()
        self.assertEqual(self.by_smtp(1)[0], 0)

    def start_again(self):
        if not self.agent.runs():
            self.agent.start()

    def refusal_of_uid(self):
        """The newest that came by sendmail."""
        for event in self.agent.ask("GET", "/api/v1/accounts/bob/mail")["refusals"]:
            if event["detail"]["uid"] == BOB_UID and event["detail"]["client"] is None:  # by SMTP the process is known, too
                return event["detail"]
        return None


def write(path, text):
    pathlib.Path(path).parent.mkdir(parents=True, exist_ok=True)
    pathlib.Path(path).write_text(text)
