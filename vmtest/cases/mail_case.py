# SPDX-License-Identifier: Apache-2.0
"""What may an account send through the MTA, as the MTA asks: windows, restarts, reboots, raises, who did it?"""
import contextlib
import os
import shutil
import signal
import socket
import sqlite3
import time

import smtp_case
import support

BOB_UID = 4001
ANY_RATE = {"per_minute": 60000, "burst": 10000}
PER_15MIN, PER_HOUR = 100, 500
EVENT_SECONDS = 5
ELSEWHERE = "192.0.2.7"


class Policy:
    """The MTA's side of a policy connection that stays open, as Postfix keeps it."""

    def __init__(self, path):
        self.path = path
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.settimeout(support.HTTP_SECONDS)
        self.socket.connect(path)
        self.file = self.socket.makefile("rw", newline="\n")

    def close(self):
        self.file.close()
        self.socket.close()

    def ask(self, state="END-OF-MESSAGE", **attributes):
        lines = {"request": "smtpd_access_policy", "protocol_state": state, "recipient_count": 1, "size": 1000} | attributes
        self.file.write("".join(f"{name}={value}\n" for name, value in lines.items()) + "\n")
        self.file.flush()
        action = self.file.readline()
        self.file.readline()
        return action.removeprefix("action=").rstrip("\n")


def connect_when_told(pipe):
    """Connects to port 25, tells its own port, and stays connected until it is told to end."""
    with socket.create_connection(("127.0.0.1", 25)) as client:
        pipe.send(client.getsockname()[1])
        pipe.recv()


class MailCase(support.AgentCase):
    config = '[mail]\ndomains_map = "{map}"\n[smtp]\nallow = ["127.0.0.9"]\n'

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.map = cls.agent.directory / "domains"
        cls.map.write_text("bob.example: bob\n")
        cls.agent.config_path.write_text(cls.agent.config_path.read_text().replace("{map}", str(cls.map)))
        cls.addClassCleanup(smtp_case.listen(25).close)

    def setUp(self):
        super().setUp()
        self.policy = self.policy_connection()

    def policy_connection(self):
        policy = Policy(self.agent.policy)
        self.addCleanup(policy.close)
        return policy

    def bob(self, **mail):
        return self.account("bob", smtp=ANY_RATE, uid=BOB_UID, mail=mail)

    def accepted(self, tries, **attributes):
        attributes = {"sasl_username": "bob"} | attributes
        return [self.policy.ask(**attributes) for _ in range(tries)].count("DUNNO")

    def mail(self):
        return self.agent.ask("GET", "/api/v1/accounts/bob/mail")

    def metrics(self):
        text = self.agent.request("GET", "/metrics").body.decode()
        return {line.rsplit(" ", 1)[0]: float(line.rsplit(" ", 1)[1]) for line in text.splitlines() if not line.startswith("#")}

    def test_501st_of_600_in_an_hour_is_deferred_with_452(self):
        self.bob(messages_per_hour=PER_HOUR)
        self.assertEqual(self.accepted(600), PER_HOUR)
        answer = self.policy.ask(sasl_username="bob")
        self.assertRegex(answer, r"^452 4\.7\.1 Try again later: account bob has a limit of 500 messages an hour, "
                                 r"which is used up; it is free again in (60|61|62) minutes$")

    def test_101st_of_110_in_15_minutes_is_deferred(self):
        self.bob(messages_per_15min=PER_15MIN)
        self.assertEqual(self.accepted(110), PER_15MIN)
        self.assertIn("100 messages in 15 minutes", self.policy.ask(sasl_username="bob"))

    def test_recipients_and_bytes_have_limits_of_their_own(self):
        self.bob(recipients_per_hour=100, bytes_per_day=1_000_000)
        self.assertEqual(self.accepted(12, recipient_count=10), 10)
        self.assertIn("100 recipients an hour", self.policy.ask(sasl_username="bob", recipient_count=10))
        self.agent.ask("PATCH", "/api/v1/accounts/bob", {"mail": {"recipients_per_hour": None}})
        self.assertEqual(self.accepted(3, size=450_000), 2)
        self.assertIn("1000000 bytes a day", self.policy.ask(sasl_username="bob", size=450_000))

    def test_what_is_larger_than_the_limit_is_refused_for_good(self):
        self.bob(bytes_per_hour=1_000_000)
        self.assertRegex(self.policy.ask(sasl_username="bob", size=1_000_001), r"^552 5\.3\.4 This message is too large: ")
        self.assertEqual(self.accepted(1), 1)

    def test_recipients_are_limited_as_messages_are_unless_somebody_says_otherwise(self):
        bob = self.bob()
        self.agent.ask("PATCH", bob.url, {"mail": {"messages_per_hour": 20}})
        self.assertEqual(bob.show()["mail"]["recipients_per_hour"], 20)
        self.assertEqual(self.accepted(3, recipient_count=7), 2)
        self.assertIn("20 recipients an hour", self.policy.ask(sasl_username="bob", recipient_count=7))

    def test_message_with_more_recipients_than_a_limit_is_refused_for_good_at_rcpt_where_the_mta_asks_there(self):
        self.bob(recipients_per_hour=20)
        at_rcpt = {"sasl_username": "bob", "instance": "a1.65650d2d.0", "recipient_count": 0}
        for _ in range(20):
            self.assertEqual(self.policy.ask("RCPT", **at_rcpt), "DUNNO")
        self.assertRegex(self.policy.ask("RCPT", **at_rcpt), r"^550 5\.5\.3 This message has too many recipients: .*20 recipients an hour")
        self.assertEqual(self.policy.ask("RCPT", **(at_rcpt | {"instance": "a2.65650d2d.0"})), "DUNNO")
        self.assertTrue(self.policy.ask(sasl_username="bob", recipient_count=21).startswith("550 5.5.3 "))
        self.assertEqual(self.mail()["sent"]["messages_per_hour"], 0)

    def test_size_counts_once_for_each_recipient(self):
        self.bob(bytes_per_hour=1_000_000)
        self.assertEqual(self.accepted(1, size=100_000, recipient_count=9), 1)
        self.assertEqual(self.mail()["sent"]["bytes_per_hour"], 900_000)
        self.assertEqual(self.accepted(2, size=100_000), 1)

    def test_queue_id_that_comes_again_with_another_instance_is_another_message(self):
        self.bob(messages_per_hour=1)
        self.assertEqual(self.accepted(2, queue_id="5F3A21", instance="a1.65650d2d.0"), 2)
        self.assertEqual([self.accepted(1, queue_id="5F3A21", instance=f"b{i}.65650d2d.0") for i in range(51)], [0] * 51)

    def test_refused_mail_is_not_charged_and_asking_early_charges_nothing(self):
        self.bob(messages_per_hour=1)
        for state in ("RCPT", "DATA"):
            self.assertEqual(self.policy.ask(state, sasl_username="bob"), "DUNNO")
        self.assertEqual(self.accepted(5), 1)
        self.assertTrue(self.policy.ask("RCPT", sasl_username="bob").startswith("452 "))
        self.assertEqual(self.mail()["sent"]["messages_per_hour"], 1)

    def test_same_queue_id_is_charged_once(self):
        self.bob(messages_per_hour=2)
        self.assertEqual(self.accepted(5, queue_id="1abcDE-000001-Xy"), 5)
        self.assertEqual(self.mail()["sent"]["messages_per_hour"], 1)
        self.assertEqual(self.accepted(1, queue_id="1abcDE-000002-Xy"), 1)

    def test_account_is_known_by_login_and_by_uid_and_never_by_the_sender(self):
        self.bob(messages_per_hour=100)
        whoever = (({"sasl_username": "bob"}, 1), ({"sasl_username": "info@BOB.example"}, 1), ({"uid": BOB_UID}, 1),
                   ({"sasl_username": "info+bob.example."}, 1), ({"sasl_username": "BOB", "client_port": "unknown", "size": -1}, 1),
                   ({"sender": "x@bob.example", "client_address": "127.0.0.1"}, 0), ({"sender": "x@bob.example", "uid": 0}, 0),
                   ({"sender": "x@bob.example", "sasl_username": "warehouse-scanner"}, 0),
                   ({"sender": "x@bob.example", "client_address": "192.0.2.1"}, 0),  # an outsider in bob's name
                   ({"sasl_username": "eve"}, 0), ({"uid": 0}, 0), ({"sender": "x@other.example"}, 0), ({}, 0))
        for attributes, charged in whoever:
            with self.subTest(attributes=attributes):
                before = self.mail()["sent"]["messages_per_hour"]
                self.assertEqual(self.policy.ask(**attributes), "DUNNO")
                self.assertEqual(self.mail()["sent"]["messages_per_hour"] - before, charged)

    def test_connection_is_the_accounts_whose_process_opened_it(self):
        bob = self.bob(messages_per_hour=100)
        for start in (lambda: self.run_outside(connect_when_told, uid=BOB_UID), lambda: self.run_in(bob, connect_when_told)):
            before = self.mail()["sent"]["messages_per_hour"]
            worker = start()
            port = worker.hear()
            direct = self.mail()["sent"]["messages_per_hour"] - before  # the connection itself
            self.assertEqual(self.policy.ask(client_address="127.0.0.1", client_port=port, server_address="127.0.0.1", server_port=25),
                             "DUNNO")
            self.assertEqual(self.mail()["sent"]["messages_per_hour"] - before, direct + 1)
            worker.pipe.send("end")
            self.assertEqual(direct, 1)

    def test_map_that_changed_is_read_again(self):
        self.bob(messages_per_hour=100)
        self.addCleanup(self.map.write_text, "bob.example: bob\n")
        self.map.write_text("bob.example: bob\nnew.example: bob\nbad.example: ../x\n")
        support.wait_until(lambda: self.policy.ask(sasl_username="x@new.example") and self.mail()["sent"]["messages_per_hour"] > 0,
                           EVENT_SECONDS, "the new domain is known")
        self.assertIn(f"{self.map}:3: must be", self.agent.log())

    def test_direct_connections_and_the_mta_draw_on_one_budget(self):
        bob = self.bob(messages_per_hour=10)
        self.assertEqual(self.accepted(6), 6)
        outcomes = self.run_in(bob, smtp_case.attempt).hear()
        self.assertEqual((outcomes.count(smtp_case.PASSED), outcomes.count(smtp_case.REFUSED)), (4, 6))
        self.assertEqual(self.accepted(3), 0)
        metrics = self.metrics()
        self.assertEqual(metrics['npanel_mail_rate_limit_current{account="bob",limit="messages_per_hour"}'], 10)
        self.assertEqual(metrics['npanel_mail_rate_limit_configured{account="bob",limit="messages_per_hour"}'], 10)
        self.assertEqual(metrics['npanel_mail_rate_limit_rejected_total{account="bob",way="direct"}'], 6)
        self.assertEqual(metrics['npanel_mail_rate_limit_rejected_total{account="bob",way="mta"}'], 3)

    def test_killed_agent_forgets_nothing_and_the_kernel_counts_on(self):
        bob = self.bob(messages_per_hour=10)
        self.assertEqual(self.accepted(6), 6)
        worker = self.run_in(bob, smtp_case.attempt_on_demand)
        self.agent.end(signal.SIGKILL)
        worker.pipe.send(8)
        self.assertEqual(worker.hear().count(smtp_case.PASSED), 4)
        self.agent.start()
        self.policy = self.policy_connection()
        self.assertEqual(self.accepted(3), 0)

    def test_clock_that_is_set_gives_nothing_and_blocks_nothing(self):
        self.bob(messages_per_hour=3)
        self.assertEqual(self.accepted(5), 3)
        for days in (2, -30):
            with set_clock(days):
                self.assertEqual(self.accepted(2), 0)
                self.agent.end()
                self.agent.start()
                self.policy = self.policy_connection()
                self.assertEqual(self.accepted(2), 0)
        self.agent.ask("PATCH", "/api/v1/accounts/bob", {"mail": {"messages_per_hour": 5}})
        self.assertEqual(self.accepted(5), 2)

    def test_what_was_sent_outlives_a_reboot(self):
        """Everything of the kernel's is gone, as after a reboot; the database has what was sent."""
        self.bob(messages_per_hour=10)
        self.assertEqual(self.accepted(6), 6)
        self.agent.end()
        support.remove_cgroup(self.agent.cgroup)
        shutil.rmtree(self.agent.pins)
        self.agent.start()
        self.policy = self.policy_connection()
        self.assertEqual(self.accepted(10), 4)

    def test_feature_that_is_off_or_observes_lets_all_pass(self):
        self.bob(messages_per_hour=1)
        self.addCleanup(self.agent.change_feature, "email_rate_limiting", enabled=True, mode="enforce")
        self.agent.change_feature("email_rate_limiting", mode="observe")
        self.assertEqual(self.accepted(5), 5)
        self.assertEqual(self.mail()["would_have_deferred"], 4)
        self.agent.change_feature("email_rate_limiting", enabled=False)
        self.assertEqual(self.accepted(5), 5)
        self.agent.change_feature("email_rate_limiting", enabled=True, mode="enforce")
        self.assertEqual(self.accepted(1), 0)
        self.assertEqual(self.mail()["sent"]["messages_per_hour"], 1, "what enforcing would have taken")

    def test_raise_holds_until_its_end_and_is_audited(self):
        self.bob(messages_per_hour=10, messages_per_15min=2)
        self.assertEqual(self.accepted(4), 2)
        self.agent.ctl("mail", "raise", "bob", "--to", "20/h", "--for", "2h")
        self.assertEqual(self.accepted(4), 2)  # four of four: every limit grew by the factor
        self.assertEqual(self.mail()["raise"]["messages_per_hour"], 20)
        self.agent.ctl("mail", "raise", "bob", "--end")
        self.assertIsNone(self.mail()["raise"])
        self.agent.enable("audit_logs_v2")
        entries = self.agent.ask("GET", "/api/v1/audit?action=account.mail_raise")["entries"]
        self.assertEqual([entry["after"] is None for entry in entries[:2]], [True, False])

    def test_raise_ends_by_the_clock_that_nobody_can_set_too(self):
        self.bob(messages_per_hour=10)
        self.agent.ask("POST", "/api/v1/accounts/bob/mail/raise", {"messages_per_hour": 1000, "seconds": 3600})
        self.agent.end()
        with contextlib.closing(sqlite3.connect(self.agent.directory / "npanel.db")) as database, database:
            ends = int(time.clock_gettime(time.CLOCK_BOOTTIME) * 1000) + 3000
            database.execute("UPDATE account SET raise_until_boot_ms = ? WHERE name = 'bob'", (ends,))
        self.agent.start()
        self.assertEqual(self.mail()["raise"]["messages_per_hour"], 1000)
        support.wait_until(lambda: self.mail()["raise"] is None, EVENT_SECONDS, "the raise has ended")

    def test_raise_ends_by_itself(self):
        self.bob(messages_per_hour=10)
        self.agent.ask("POST", "/api/v1/accounts/bob/mail/raise", {"messages_per_hour": 1000, "seconds": 3600})
        self.assertEqual(self.mail()["limits"]["messages_per_hour"], 1000)
        self.agent.end()
        with contextlib.closing(sqlite3.connect(self.agent.directory / "npanel.db")) as database, database:
            database.execute("UPDATE account SET raise_until_ms = ? WHERE name = 'bob'", (int(time.time() * 1000) + 3000,))
        self.agent.start()
        support.wait_until(lambda: self.mail()["raise"] is None, EVENT_SECONDS, "the raise has ended")
        self.assertEqual(self.mail()["limits"]["messages_per_hour"], 10)

    def test_refusal_says_who_it_was(self):
        bob = self.bob(messages_per_hour=0)
        self.policy.ask(sasl_username="bob", sender="bob@bob.example", client_address="192.0.2.9", script="1001:mail.php", cwd="/home/bob",
                        queue_id="1q")
        worker = self.run_in(bob, smtp_case.attempt_on_demand)  # stays, so that the agent may look at it
        worker.pipe.send(3)
        self.assertEqual(worker.hear(), [smtp_case.REFUSED] * 3)
        refusals = support.wait_until(self.both_refusals, EVENT_SECONDS, "both refusals are told")
        deferred, direct = refusals["mail_deferred"], refusals["smtp_denied"]
        self.assertEqual({key: deferred[key] for key in ("limit", "sender", "client", "script", "cwd", "message")},
                         {"limit": "messages_per_hour", "sender": "bob@bob.example", "client": "192.0.2.9", "script": "1001:mail.php",
                          "cwd": "/home/bob", "message": "1q"})
        self.assertEqual((direct["limit"], direct["cwd"], direct["destination"]), ("messages_per_hour", os.getcwd(), "127.0.0.1:25"))
        self.assertIn("python3", direct["command"])
        why = self.agent.ctl("mail", "why", "bob")
        for text in ("0 of 0", "mail_deferred", "mail.php", "smtp_denied"):
            self.assertIn(text, why)

    def both_refusals(self):
        """The newest of each kind; other tests' bobs have older ones."""
        found = {event["kind"]: event["detail"] for event in reversed(self.mail()["refusals"])}
        both = found.get("mail_deferred", {}).get("message") == "1q" and found.get("smtp_denied", {}).get("destination") == "127.0.0.1:25"
        return found if both else None

    def test_top_names_who_sends_most_first(self):
        self.bob(messages_per_hour=100)
        self.account("eve", mail={"messages_per_hour": 100})
        self.accepted(3)
        self.accepted(5, sasl_username="eve")
        top = self.agent.ctl("mail", "top")
        self.assertEqual([line.split()[0] for line in top.splitlines()[1:3]], ["eve", "bob"])

    def test_stranger_may_not_ask(self):
        self.bob(messages_per_hour=1)
        self.agent.directory.chmod(0o711)
        self.assertEqual(self.run_outside(ask_as_stranger, self.agent.policy, uid=BOB_UID).hear(), "kept out")
        self.assertEqual(self.accepted(1), 1)

    def test_nonsense_is_not_answered_and_is_told(self):
        self.bob(messages_per_hour=1)
        self.policy.file.write("request=smtpd_access_policy\nnonsense\n\n")
        self.policy.file.flush()
        self.assertEqual(self.policy.file.readline(), "")
        support.wait_until(lambda: "request must be lines of name=value" in self.agent.log(), EVENT_SECONDS, "the log says what was wrong")

    def test_redirected_connection_reaches_the_local_mta_and_465_does_not(self):
        bob = self.account("bob", smtp={"per_minute": 1, "burst": 1, "mode": "redirect"}, mail={"messages_per_hour": 0})
        worker = self.run_in(bob, try_each, ((ELSEWHERE, 25), (ELSEWHERE, 587), ("127.0.0.9", 25), (ELSEWHERE, 465)))
        self.assertEqual(worker.hear(), ["127.0.0.1:25", "127.0.0.1:25", "127.0.0.9:25", "EPERM"])
        self.assertEqual(bob.stats()["smtp"]["redirected"], 2)
        self.assertEqual(bob.stats()["smtp"]["exempt"], 1)

    def test_only_so_many_connections_are_open_at_once(self):
        bob = self.bob(connections=3)
        self.assertEqual(self.run_in(bob, hold_open, 5).hear(), 3)
        support.wait_until(lambda: bob.stats()["smtp"]["open"] == 0, EVENT_SECONDS, "closed sockets are counted")


@contextlib.contextmanager
def set_clock(days):
    """The wall clock is so many days ahead."""
    def shift(seconds):
        time.clock_settime(time.CLOCK_REALTIME, time.clock_gettime(time.CLOCK_REALTIME) + seconds)
    shift(days * 86400)
    try:
        yield
    finally:
        shift(-days * 86400)


def ask_as_stranger(pipe, path):
    try:
        pipe.send("hung up" if Policy(path).ask(sasl_username="bob") == "" else "answered")
    except PermissionError:
        pipe.send("kept out")
    except OSError:
        pipe.send("hung up")


def try_each(pipe, where):
    """Where each connection has really gone, or why it has not."""
    outcomes = []
    for address in where:
        try:
            with socket.create_connection(address) as client:
                outcomes.append("{}:{}".format(*client.getpeername()))
        except PermissionError:
            outcomes.append("EPERM")
    pipe.send(outcomes)


def hold_open(pipe, tries):
    clients = []
    for _ in range(tries):
        with contextlib.suppress(PermissionError):
            clients.append(socket.create_connection(("127.0.0.1", 25)))
    pipe.send(len(clients))
