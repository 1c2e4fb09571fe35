# SPDX-License-Identifier: Apache-2.0
"""Is an account whose mail is unwanted slowed down, by itself and for a while, and is its owner told? The log is written here; that
the real MTAs' logs look so is for the cases exim and postfix."""
import contextlib
import email
import email.policy
import itertools
import re
import signal
import sqlite3
import time

import mail_case
import support

BOB_UID = 4001
RULE = "throttle_unknown_percent = 20\nthrottle_deferred_percent = 60\nthrottle_content_percent = 5\nthrottle_recipients = 20\nthrottle_minutes = 30\n"
# Each message has a recipient of its own: one who is tried often counts once.
REMOTE = "R=dnslookup T=remote_smtp H=mx.elsewhere.example [192.0.2.7]: SMTP error from remote mail server after RCPT TO:<x@elsewhere.example>:"
ACCEPTED = "=> WHO@elsewhere.example R=dnslookup T=remote_smtp H=mx.elsewhere.example [192.0.2.7] C=\"250 OK\""
UNKNOWN = f"** WHO@elsewhere.example {REMOTE} 550 5.1.1 no such user"
DEFERRED = f"== WHO@elsewhere.example R=dnslookup T=remote_smtp defer (-44) {REMOTE} 451 4.7.1 come back later"
MESSAGE = "R=dnslookup T=remote_smtp H=mx.elsewhere.example [192.0.2.7]: SMTP error from remote mail server after end of data:"
SPAM = f"** WHO@elsewhere.example {MESSAGE} 550 5.7.1 Message rejected as spam"
DNS = f"** WHO@elsewhere.example {MESSAGE} 550-5.7.26 Your email has been blocked because the sender is unauthenticated."
SECONDS = 5


class ReputationCase(support.AgentCase):
    config = f'[mail]\nlogs = ["{{log}}"]\n{RULE}'

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.log = cls.agent.directory / "mainlog"
        cls.log.write_text("")
        cls.notices = cls.agent.directory / "notices"
        cls.agent.config_path.write_text(cls.agent.config_path.read_text().replace("{log}", str(cls.log)))
        cls.ids = itertools.count()

    def setUp(self):
        super().setUp()
        self.seen = max((event["id"] for event in self.agent.ask("GET", "/api/v1/events")["events"]), default=0)
        for letter in self.notices.glob("*"):
            letter.unlink()

    def bob(self, **settings):
        return self.account("bob", uid=BOB_UID, smtp=mail_case.ANY_RATE, **settings)

    def send(self, outcome, times, login="bob"):
        """So many messages that the MTA has asked about; what became of them is in its log."""
        policy = mail_case.Policy(self.agent.policy)
        lines = []
        for _ in range(times):
            queue_id = f"1rABCD-{next(self.ids):06}-2x"
            self.assertEqual(policy.ask(sasl_username=login, sender="bob@bob.example", script="1001:mail.php", queue_id=queue_id), "DUNNO")
            lines.append(f"2026-11-25 19:00:00 {queue_id} {outcome.replace('WHO', queue_id.lower())}\n")
        policy.close()
        with open(self.log, "a") as log:
            log.writelines(lines)

    def mail(self):
        return self.agent.ask("GET", "/api/v1/accounts/bob/mail")

    def wait_until_throttled(self):
        return support.wait_until(lambda: self.mail()["throttle"], SECONDS, "bob is throttled")

    def wait_for_deliveries(self, **wanted):
        support.wait_until(lambda: {outcome: many for outcome, many in self.mail()["deliveries"].items() if many} == wanted, SECONDS,
                           f"the log is read: {wanted}")

    def accepted(self, tries):
        policy = mail_case.Policy(self.agent.policy)
        answers = [policy.ask(sasl_username="bob") for _ in range(tries)]
        policy.close()
        return answers.count("DUNNO"), answers[-1]

    def events(self, kind):
        """Of this test, the newest first."""
        events = self.agent.ask("GET", "/api/v1/events?account=bob")["events"]
        return [event["detail"] for event in events if event["kind"] == kind and event["id"] > self.seen]

    def test_unknown_recipients_throttle_to_a_quarter(self):
        self.bob(mail={"messages_per_hour": 400, "messages_per_15min": 400})
        self.send(ACCEPTED, 16)
        self.send(UNKNOWN, 3)
        self.wait_for_deliveries(accepted=16, unknown_recipients=3)
        self.assertIsNone(self.mail()["throttle"])  # 19 recipients mean nothing
        self.send(UNKNOWN, 1)
        throttle = self.wait_until_throttled()
        self.assertEqual((throttle["cause"], throttle["percent"]), ("unknown_recipients", 20))
        self.assertEqual(self.mail()["limits"]["messages_per_hour"], 100)
        accepted, answer = self.accepted(100)
        self.assertEqual(accepted, 80)  # 20 were sent before
        self.assertIn("account bob has a limit of 100 messages in 15 minutes", answer)
        metrics = self.agent.request("GET", "/metrics").body.decode()
        for line in ('npanel_mail_throttled{account="bob"} 1', 'npanel_mail_deliveries{account="bob",outcome="unknown_recipient"} 4',
                     'npanel_mail_rate_limit_configured{account="bob",limit="messages_per_hour"} 100'):
            self.assertIn(f"\n{line}\n", metrics)
        self.assertEqual(self.events("mail_throttled")[0]["reason"], "20 % of the recipients of an hour do not exist")

    def test_greylisting_throttles_nobody(self):
        self.bob()
        self.send(ACCEPTED, 20)
        self.send(DEFERRED, 20)
        self.wait_for_deliveries(accepted=20, deferred=20)
        self.assertIsNone(self.mail()["throttle"])
        self.send(DEFERRED, 40)  # a newsletter's first try: who has it half an hour later is not known yet
        self.wait_for_deliveries(accepted=20, deferred=60)
        time.sleep(2)
        self.assertIsNone(self.mail()["throttle"])

    def test_only_the_account_that_sent_is_throttled(self):
        self.bob()
        self.account("eve")
        self.send(ACCEPTED, 30, login="eve")
        self.send(UNKNOWN, 30)
        with open(self.log, "a") as log:
            log.write(f"2026-11-25 19:00:00 1rZZZZ-000000-2x {UNKNOWN}\n" * 100)  # nobody's
        self.wait_until_throttled()
        eve = self.agent.ask("GET", "/api/v1/accounts/eve/mail")
        self.assertEqual((eve["throttle"], eve["deliveries"]["accepted"]), (None, 30))

    def test_recipient_of_a_message_counts_once(self):
        self.bob()
        self.send(ACCEPTED, 1)
        queue_id = f"1rABCD-{next(self.ids) - 1:06}-2x"
        with open(self.log, "a") as log:
            log.write(f"2026-11-25 19:00:00 {queue_id} {UNKNOWN.replace('WHO', queue_id.lower())}\n" * 30)  # of a recipient who has it
            log.writelines(f"2026-11-25 19:00:00 {queue_id} ** x{number}@elsewhere.example: Unrouteable address\n" for number in range(30))
        self.send(UNKNOWN, 1)
        self.wait_for_deliveries(accepted=1, unknown_recipients=1)

    def test_id_counts_only_where_the_mta_writes_it(self):
        self.bob()
        self.send("<= bob@bob.example U=bob P=local S=400", 1)
        queue_id = f"1rABCD-{next(self.ids) - 1:06}-2x"
        with open(self.log, "a") as log:
            for before in (f"H=(x) [192.0.2.9] F=<{queue_id}", f"bob {queue_id}", f"1rZZZZ-000000-2x <= {queue_id}"):
                log.write(f"2026-11-25 19:00:00 {before} {UNKNOWN}\n")
        self.send(ACCEPTED, 1)
        self.wait_for_deliveries(accepted=1)

    def test_lines_after_exims_arguments_are_no_evidence(self):
        self.bob()
        queue_id = f"1rABCD-{next(self.ids):06}-2x"
        policy = mail_case.Policy(self.agent.policy)
        self.addCleanup(policy.close)
        policy.ask(sasl_username="bob", queue_id=queue_id)
        self.addCleanup(self.agent.start)  # which believes the log again
        self.addCleanup(self.agent.end)
        with open(self.log, "a") as log:
            log.write(f"2026-11-25 19:00:00 cwd=/tmp/d\n2026-11-25 19:00:00 {queue_id} {UNKNOWN}\n2026-11-25 19:00:00 cwd=x 2 args: exim4 -bp\n")
        support.wait_until(lambda: "+arguments" in self.agent.log(), SECONDS, "the administrator is told")
        self.assertEqual(sum(self.mail()["deliveries"].values()), 0)

    def test_recipients_beyond_those_charged_are_charged_once(self):
        """As Exim's router asks, which asks again with each try."""
        self.bob(mail={"recipients_per_hour": 5})
        policy = mail_case.Policy(self.agent.policy)
        self.addCleanup(policy.close)
        self.addCleanup(self.agent.start)  # which does not know that Exim asks
        self.addCleanup(self.agent.end)
        queue_id = f"1rABCD-{next(self.ids):06}-2x"
        self.assertEqual(policy.ask(sasl_username="bob", queue_id=queue_id, recipient_count=2), "DUNNO")
        for _ in range(2):
            answers = [policy.ask("EXPANDED", queue_id=queue_id, recipient=f"r{number}@elsewhere.example") for number in range(8)]
            self.assertEqual(answers[:5], ["DUNNO"] * 5)
            for answer in answers[5:]:
                self.assertTrue(answer.startswith("452 4.7.1 Try again later: account bob has a limit of 5 recipients an hour"), answer)
        self.assertEqual(self.mail()["sent"]["recipients_per_hour"], 5)
        self.assertEqual(policy.ask("EXPANDED", queue_id="1rZZZZ-000000-2x", recipient="r@elsewhere.example"), "DUNNO")
        with open(self.log, "a") as log:  # r7 was not let out, and Exim has not asked about x
            for who in ("r0", "r7", "x"):
                log.write(f"2026-11-25 19:00:00 {queue_id} => {who}@elsewhere.example R=dnslookup T=remote_smtp H=mx [192.0.2.7]\n")
        self.wait_for_deliveries(accepted=1)
        self.assertEqual(self.mail()["sent"]["recipients_per_hour"], 5)

    def test_rotated_log_is_read_on(self):
        self.bob()
        self.send(UNKNOWN, 10)
        self.log.rename(self.log.with_suffix(".1"))
        self.send(UNKNOWN, 10)
        self.wait_until_throttled()
        self.assertEqual(self.mail()["deliveries"]["unknown_recipients"], 20)

    def test_throttle_outlives_a_killed_agent_and_ends_by_itself(self):
        self.bob(mail={"messages_per_hour": 400})
        self.send(UNKNOWN, 20)
        before = self.wait_until_throttled()
        self.agent.end(signal.SIGKILL)
        self.agent.start()
        self.assertEqual(self.mail()["throttle"], before)
        self.assertEqual(self.mail()["limits"]["messages_per_hour"], 100)
        self.agent.end()
        with contextlib.closing(sqlite3.connect(self.agent.directory / "npanel.db")) as database, database:
            database.execute("UPDATE mail_decision SET throttle_until_ms = ?", (int(time.time() * 1000) + 2000,))
        self.agent.start()
        support.wait_until(lambda: self.mail()["throttle"] is None, SECONDS, "the throttle has ended")
        self.assertEqual(self.mail()["limits"]["messages_per_hour"], 400)
        self.assertEqual(len(self.events("mail_throttle_released")), 1)

    def set_throttle_minutes(self, minutes):
        self.agent.config_path.write_text(re.sub(r"throttle_minutes = \d+", f"throttle_minutes = {minutes}", self.agent.config_path.read_text()))
        self.agent.ask("POST", "/api/v1/reload")

    def test_second_throttle_needs_new_evidence(self):
        self.agent.change_feature("graceful_reloads", enabled=True)
        self.addCleanup(self.set_throttle_minutes, 30)
        self.bob()
        self.send(UNKNOWN, 20)
        first = self.wait_until_throttled()
        with mail_case.set_clock(1):
            support.wait_until(lambda: self.mail()["throttle"]["until"] > first["until"], SECONDS, "its end moves with the clock")
            time.sleep(2)
            self.assertIsNotNone(self.mail()["throttle"])
        self.set_throttle_minutes(1)
        support.wait_until(lambda: self.mail()["throttle"] is None, 75, "the throttle has ended")
        self.send(ACCEPTED, 1)
        time.sleep(2)
        self.assertEqual(len(self.events("mail_throttled")), 1)
        self.send(UNKNOWN, 20)
        self.wait_until_throttled()
        self.assertEqual(len(self.events("mail_throttled")), 2)

    def test_throttle_ends_as_soon_as_its_cause_is_under_the_bound(self):
        self.bob(mail={"messages_per_hour": 4000, "messages_per_15min": 4000})
        self.send(UNKNOWN, 20)
        self.wait_until_throttled()
        self.send(ACCEPTED, 79)
        self.wait_for_deliveries(accepted=79, unknown_recipients=20)
        self.assertIsNotNone(self.mail()["throttle"])
        self.send(ACCEPTED, 2)
        support.wait_until(lambda: self.mail()["throttle"] is None, SECONDS, "the throttle has ended")
        self.assertEqual(len(self.events("mail_throttle_released")), 1)

    def test_five_spam_verdicts_throttle(self):
        self.bob(mail={"messages_per_hour": 400}, contact={"email": "owner@example.com"})
        self.send(SPAM, 4)
        self.wait_for_deliveries(content=4)
        self.assertIsNone(self.mail()["throttle"])
        self.send(SPAM, 1)
        self.assertEqual(self.wait_until_throttled()["cause"], "content")
        text = self.letter().get_content()
        for wanted in ("100 % of the recipients of an hour were refused it as spam", "elsewhere.example: 550 5.7.1 Message rejected as spam", "asked for it"):
            self.assertIn(wanted, text)
        self.assertNotIn("The first message that was held back", text)  # there is none yet

    def test_dns_fault_throttles_nobody_and_the_owner_is_told_what_to_mend(self):
        self.bob(mail={"messages_per_hour": 400}, contact={"email": "owner@example.com"})
        self.send(DNS, 30)
        letter = self.letter()
        self.assertEqual(letter["Subject"], "Mail of bob on vmtest is refused elsewhere")
        for wanted in ("SPF, DKIM, DMARC", "elsewhere.example: 550 5.7.26", "DNS records"):
            self.assertIn(wanted, letter.get_content())
        for never in ("broken into", "held back for a while"):
            self.assertNotIn(never, letter.get_content())
        self.assertIsNone(self.mail()["throttle"])
        self.assertEqual(self.events("owner_told"), [{"to": "owner@example.com", "reason": "authentication"}])
        (self.notices / "bob.eml").unlink()
        self.send(UNKNOWN, 30)  # another letter, for another thing
        self.assertEqual(self.letter()["Subject"], "Mail of bob on vmtest is held back")

    def test_what_most_accounts_meet_throttles_nobody_and_is_told_once(self):
        self.bob()
        for number in range(6):
            self.account(f"shop{number}")
            self.send(SPAM, 6, login=f"shop{number}")
        support.wait_until(lambda: self.agent.ask("GET", "/api/v1/mail/findings")["findings"], SECONDS, "it is told")
        time.sleep(2)
        self.assertEqual([self.agent.ask("GET", f"/api/v1/accounts/shop{number}/mail")["throttle"] for number in range(6)], [None] * 6)
        events = self.agent.ask("GET", "/api/v1/events")["events"]
        self.assertEqual([event["kind"] for event in events if event["id"] > self.seen and event["kind"] == "mail_finding"], ["mail_finding"])
        health = self.agent.request("GET", "/healthz").body.decode()
        self.assertIn("npanelctl mail findings", health)

    def test_administrator_releases_it(self):
        self.bob(mail={"messages_per_hour": 400})
        self.send(UNKNOWN, 20)
        self.wait_until_throttled()
        self.assertIn("throttled", self.agent.ctl("mail", "top"))
        self.assertIn("100 % unknown_recipients", self.agent.ctl("mail", "why", "bob"))
        self.agent.ctl("mail", "release", "bob")
        self.assertEqual((self.mail()["throttle"], self.mail()["limits"]["messages_per_hour"]), (None, 400))
        self.send(ACCEPTED, 1)
        self.wait_for_deliveries(accepted=1)  # the bad ones are forgotten
        self.assertIsNone(self.mail()["throttle"])
        self.agent.enable("audit_logs_v2")
        entries = self.agent.ask("GET", "/api/v1/audit?action=account.mail_throttle")["entries"]
        self.assertEqual([entry["after"] is None for entry in entries[:2]], [True, False])

    def letter(self):
        path = self.notices / "bob.eml"
        support.wait_until(path.exists, SECONDS, "a letter is written")
        return email.message_from_bytes(path.read_bytes(), policy=email.policy.default)

    def test_owner_is_told_once_in_the_cool_down(self):
        self.bob(mail={"messages_per_hour": 1}, contact={"email": "owner@example.com", "language": "de"})
        policy = mail_case.Policy(self.agent.policy)
        self.addCleanup(policy.close)
        for number in range(2):
            policy.ask(sasl_username="bob", sender="bob@bob.example", script="1001:mail.php", cwd="/home/bob", queue_id=f"1rNOTE-{number:06}-2x")
        letter = self.letter()
        self.assertEqual((letter["To"], letter["From"], letter["Auto-Submitted"]), ("owner@example.com", "postmaster", "auto-generated"))
        self.assertEqual(letter["Subject"], "E-Mails von bob auf vmtest werden zurückgehalten")
        for text in ("mehr als 1 Nachrichten in einer Stunde", "bob@bob.example", "1001:mail.php", "/home/bob"):
            self.assertIn(text, letter.get_content())
        self.assertNotIn("Programm:", letter.get_content())
        self.assertEqual(self.events("owner_told"), [{"to": "owner@example.com", "reason": "messages_per_hour"}])
        (self.notices / "bob.eml").unlink()  # the MTA has it
        self.agent.end(signal.SIGKILL)
        self.agent.start()
        self.accepted(3)
        support.wait_until(lambda: len(self.events("mail_deferred")) > 1, SECONDS, "bob is deferred again")
        time.sleep(2)
        self.assertFalse((self.notices / "bob.eml").exists())

    def test_account_without_a_contact_is_told_in_its_mailbox(self):
        bob = self.bob(mail={"messages_per_hour": 400})
        self.send(UNKNOWN, 20)
        letter = self.letter()
        self.assertEqual((letter["To"], letter["Subject"]), ("bob", "Mail of bob on vmtest is held back"))
        self.assertIn("100 % of the recipients of an hour do not exist", letter.get_content())
        self.assertEqual(bob.show()["contact"], {"email": None, "language": None})

    def test_bad_contact_is_refused(self):
        self.bob()
        for contact, field in (({"email": "x\nBcc: y@z"}, "contact.email"), ({"email": "-oQ/tmp@x.de"}, "contact.email"),
                               ({"language": "../../etc/passwd"}, "contact.language"), ({"phone": "1"}, "contact.phone")):
            answer = self.agent.request("PATCH", "/api/v1/accounts/bob", {"contact": contact})
            self.assertEqual((answer.status, answer.json()["field"]), (400, field))
