# SPDX-License-Identifier: Apache-2.0
"""Does a real Exim, with the lines that the package brings, hold an account to its mail limits?"""
import os
import pathlib
import signal
import smtplib
import subprocess

import mta
import support

CONFIG = pathlib.Path("/etc/exim4/exim4.conf")  # goes before Debian's generated one
LOG = pathlib.Path("/var/log/exim4/mainlog")
PID = "/run/npanel-vmtest-exim.pid"
START_SECONDS = 10

EXIM = """
{settings}
.include /usr/share/npanel/exim/macros
primary_hostname = vmtest
local_interfaces = 127.0.0.1 : 192.0.2.77
domainlist local_domains = vmtest
queue_only
smtp_accept_max_per_connection = 2000
keep_environment =
.ifdef ASK_AT_RCPT
acl_smtp_rcpt = rcpt
.else
acl_smtp_rcpt = accept_all
.endif
acl_smtp_data = data
acl_not_smtp = not_smtp
begin acl
accept_all:
  accept
rcpt:
.include /usr/share/npanel/exim/check_rcpt
  accept
data:
.include /etc/exim/policy.d/rate_limit.cf
  accept
not_smtp:
.include /usr/share/npanel/exim/check_not_smtp
  accept
begin routers
.include /usr/share/npanel/exim/router
answers:
  driver = manualroute
  domains = answers.example
  transport = answering
  route_list = * 127.0.0.1 byname
  self = send
away:
  driver = manualroute
  domains = away.example
  transport = answering
  route_list = * 192.0.2.77 byname
  self = send
nowhere:
  driver = redirect
  domains = ! +local_domains
  data = :blackhole:
forward:
  driver = redirect
  check_local_user
  require_files = $home
  file = $home/.forward
  check_ancestor
  file_transport = file
local:
  driver = accept
  check_local_user
  transport = mailbox
begin transports
answering:
  driver = smtp
  port = 2525
  allow_localhost
file:
  driver = appendfile
mailbox:
  driver = appendfile
  file = /var/mail/$local_part_data
  group = mail
  mode = 0660
begin retry
* * F,2d,15m
begin authenticators
plain:
  driver = plaintext
  public_name = PLAIN
  server_prompts = :
  server_condition = ${{if eq{{$auth3}}{{secret}}}}
  server_set_id = $auth2
"""


class EximCase(mta.MtaCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.agent.start()
        cls.addClassCleanup(CONFIG.unlink, missing_ok=True)
        cls.start_exim()

    @classmethod
    def start_exim(cls, default=""):
        CONFIG.write_text(EXIM.format(settings=f"NPANEL_POLICY = {cls.agent.policy}\n{default}"))
        subprocess.run(["exim4", "-bd", "-oX", "25", "-oP", PID], check=True, capture_output=True)
        cls.addClassCleanup(cls.end_exim)
        support.wait_until(answers, START_SECONDS, "Exim answers")

    @classmethod
    def end_exim(cls):
        if os.path.exists(PID):
            os.kill(int(pathlib.Path(PID).read_text()), signal.SIGTERM)
            support.wait_until(lambda: not answers(), START_SECONDS, "Exim has ended")
            pathlib.Path(PID).unlink(missing_ok=True)

    def mta_log(self):
        """Exim mails to the caller why it has refused."""
        return LOG.read_text()

    def deliver(self):
        subprocess.run(["exim4", "-qf"], check=True, capture_output=True)

    def forget_queue(self):
        empty_queue()

    def setUp(self):
        super().setUp()
        self.addCleanup(empty_queue)

    def test_unknown_recipients_throttle_the_account(self):
        self.assert_deliveries_throttle()

    def test_each_answer_is_understood_at_each_command(self):
        self.assert_each_answer_is_understood()

    def test_block_list_throttles_nobody_and_invented_addresses_do(self):
        self.assert_a_block_list_throttles_nobody_and_invented_addresses_do()

    def test_owner_gets_a_letter(self):
        self.assert_owner_gets_a_letter(lambda command: subprocess.run(command, capture_output=True, text=True))

    def accepted_from(self, sender):
        return [line for line in self.mta_log().splitlines() if f" <= {sender} " in line]

    def test_who_does_not_wait_for_the_answer_is_charged_and_not_its_neighbour(self):
        self.assert_early_closers_are_charged()

    def test_501st_of_600_of_a_login_is_deferred_with_452(self):
        self.assert_501st_of_600_is_deferred(self.by_login)

    def test_101st_of_110_in_15_minutes_is_deferred(self):
        self.assert_101st_of_110_is_deferred()

    def test_recipients_and_bytes_are_counted(self):
        self.assert_recipients_and_bytes_are_counted()

    def test_redirected_mail_lands_here_and_is_charged(self):
        self.assert_redirected_mail_is_charged()

    def test_sendmail_draws_on_the_same_budget(self):
        self.assert_sendmail_draws_on_the_same_budget()

    def test_refusal_names_script_and_directory(self):
        self.bob(messages_per_hour=0)
        self.assertEqual(self.by_sendmail(1)[0], 0)
        told = support.wait_until(self.refusal_of_uid, 5, "the refusal is told")
        self.assertEqual((told["script"], told["cwd"], told["uid"]), ("4001:mail.php", "/var/tmp", mta.BOB_UID))

    def test_mail_flows_while_the_agent_is_dead(self):
        self.assert_mail_flows_while_the_agent_is_dead()

    def test_mail_is_deferred_while_the_agent_is_dead_where_the_administrator_wants_it(self):
        self.bob(messages_per_hour=100)
        self.end_exim()
        self.start_exim("NPANEL_DEFAULT = action=452 4.3.5 Mail policy is unavailable")
        self.addCleanup(self.start_exim)
        self.addCleanup(self.end_exim)
        self.assertEqual(self.by_smtp(2)[0], 2)
        self.addCleanup(self.start_again)
        self.agent.end()
        self.assertEqual(self.by_smtp(1), (0, (452, "Mail policy is unavailable")))
        self.agent.start()

    def test_300_in_a_forward_are_no_more_than_the_limit(self):
        server = mta.answer_mail(self, mta.AWAY_ADDRESS)
        self.forward_to_300(server, 20)
        self.deliver()
        self.assertEqual((len(server.taken), self.sent("recipients_per_hour")), (20, 20))
        self.assert_nobody_else_is_charged()
        self.assertEqual(self.mta_log().count("R=npanel_expanded defer"), 2 * 280)
        self.agent.ask("PATCH", "/api/v1/accounts/bob", {"mail": {"recipients_per_hour": 50}})
        self.deliver()
        self.assertEqual((len(server.taken), self.sent("recipients_per_hour")), (50, 50))
        self.assertEqual(len(set(server.taken)), 50)

    def test_who_waits_keeps_nobody_elses_mail_back(self):
        """Exim remembers how long a recipient is to wait, for all messages."""
        server = mta.answer_mail(self, mta.AWAY_ADDRESS)
        self.forward_to_300(server, 20)
        waiting = next(f"r{number}@{mta.AWAY}" for number in range(300) if not any(f"r{number}@" in taken for taken in server.taken))
        self.assertEqual(self.run_outside(mta.send_as, 1, [waiting], uid=mta.ANN_UID).hear(mta.SECONDS)[0], 1)
        subprocess.run(["exim4", "-q"], check=True, capture_output=True)  # which heeds what is remembered
        self.assertTrue(any(waiting in taken for taken in server.taken))

    def test_agent_that_starts_anew_charges_nobody_twice(self):
        server = mta.answer_mail(self, mta.AWAY_ADDRESS)
        self.forward_to_300(server, 20)
        self.agent.end(signal.SIGKILL)
        self.agent.start()
        self.deliver()
        self.assertEqual((len(server.taken), self.sent("recipients_per_hour")), (20, 20))

    def test_local_forward_costs_nothing_more(self):
        self.assert_local_forward_costs_nothing_more()

    def test_without_the_router_what_has_left_is_charged(self):
        self.restart_exim("NPANEL_REMOTE_DOMAINS = nowhere.invalid\n")
        self.agent.end()
        self.agent.start()  # it has been asked about recipients
        server = mta.answer_mail(self, mta.AWAY_ADDRESS)
        self.forward_to_300(server, 300)
        support.wait_until(lambda: self.sent("recipients_per_hour") == 300, mta.SECONDS, "the log is read")
        self.assert_nobody_else_is_charged()
        accepted, refusal = self.by_smtp(1)
        self.assertEqual(accepted, 0)
        self.assert_deferred(refusal, "20 recipients an hour")

    def test_lines_that_others_bring_into_the_log_are_nobodys_evidence(self):
        """Where Exim writes its arguments down, a directory's name can be a whole line."""
        self.restart_exim("log_selector = +arguments +subject +received_sender +received_recipients\n")
        server = mta.answer_mail(self, mta.AWAY_ADDRESS)
        self.bob()
        self.ann()
        self.assertEqual(self.run_outside(mta.send_as, 1, [f"good@{mta.AWAY}"], uid=mta.ANN_UID).hear(mta.SECONDS)[0], 1)
        queue_id = queued()[0]
        told = self.run_outside(forge, queue_id, uid=mta.BOB_UID).hear(mta.SECONDS)
        log = self.mta_log()
        self.assertIn(f"\n{FORGED.format(queue_id)}\n", log, told)  # one of them has a line of its own
        self.deliver()
        support.wait_until(lambda: self.anns_mail()["deliveries"]["accepted"], mta.SECONDS, "the log is read")
        support.wait_until(lambda: "+arguments" in self.agent.log(), mta.SECONDS, "the administrator is told")
        ann = self.anns_mail()
        self.assertEqual(sum(ann["deliveries"].values()), 1, ann)  # the one that was accepted
        self.assertEqual(ann["sent"]["recipients_per_hour"], 1)
        self.assertEqual(len(server.taken), 1)

    def test_who_names_too_many_recipients_is_told_at_rcpt_where_exim_asks_there(self):
        self.restart_exim("ASK_AT_RCPT = yes\n")
        self.bob(recipients_per_hour=3)
        with smtplib.SMTP("127.0.0.1", 25) as client:
            client.login("bob", mta.PASSWORD)
            client.mail("info@bob.example")
            self.assertEqual([client.rcpt(f"x{i}@far.example")[0] for i in range(3)], [250] * 3)
            code, text = client.rcpt("x3@far.example")
            self.assertEqual(code, 550)
            self.assertIn(b"5.5.3 This message has too many recipients:", text)
            self.assertIn(b"account bob has a limit of 3 recipients an hour", text)
            self.assertEqual(client.data("Subject: few\r\n\r\n")[0], 250)
        self.assertEqual(self.bobs_mail()["sent"]["recipients_per_hour"], 3)

    def restart_exim(self, settings):
        self.end_exim()
        self.start_exim(settings)
        self.addCleanup(self.start_exim)
        self.addCleanup(self.end_exim)

    def test_mail_over_this_hosts_own_address_is_asked_about(self):
        self.bob()
        how = {"recipients": mta.RECIPIENTS[:1], "login": None, "bytes_each": 0, "host": mta.AWAY_ADDRESS}
        self.assertEqual(self.by_smtp(2, **how)[0], 2)
        metrics = self.agent.request("GET", "/metrics").body.decode()
        self.assertIn('\nnpanel_mail_messages_total{account="bob",answer="accepted"} 2\n', metrics)

    def test_mail_for_us_from_elsewhere_is_nobodys(self):
        self.bob(messages_per_hour=0)
        self.assertEqual(self.run_outside(mta.send_as, 1).hear(mta.SECONDS)[0], 1)  # root's process, no login

    def test_debians_split_configuration_takes_the_lines(self):
        local = pathlib.Path("/etc/exim4/conf.d/main/000_localmacros")
        mta.write(local, "NPANEL_MAIL = yes\n")
        self.addCleanup(local.unlink)
        made = pathlib.Path("/run/npanel-vmtest-exim.conf")
        self.addCleanup(made.unlink, missing_ok=True)
        subprocess.run(["sed", "-i", "s/^dc_use_split_config=.*/dc_use_split_config='true'/", "/etc/exim4/update-exim4.conf.conf"], check=True)
        subprocess.run(["update-exim4.conf", "-o", made], check=True)
        shown = subprocess.run(["exim4", "-C", made, "-bP", "acl_not_smtp"], check=True, capture_output=True, text=True).stdout
        self.assertIn("acl_not_smtp = npanel_not_smtp", shown)
        whole = made.read_text()
        self.assertIn("npanel_not_smtp:", whole)
        self.assertIn("CHECK_DATA_LOCAL_ACL_FILE = /usr/share/npanel/exim/check_data", whole)
        routers = subprocess.run(["exim4", "-C", made, "-bP", "router_list"], check=True, capture_output=True, text=True).stdout.split()
        self.assertEqual(routers[0], "npanel_expanded")


FORGED = "2026-11-25 19:00:00 {} ** x@elsewhere.example: Unrouteable address"


def forge(pipe, queue_id):
    """As bob: each way by which a word of bob's gets into Exim's log."""
    line = FORGED.format(queue_id)
    mail = {"input": "Subject: x\n\nx\n", "capture_output": True, "text": True}
    ran = []
    for name in (f"a\n{line}\n2026-11-25 19:00:00 cwd=x", f"{queue_id} ** x@y.example: Unrouteable address +arguments", queue_id):
        os.makedirs(f"/var/tmp/npanel-forge/{name}", exist_ok=True)
        os.chdir(f"/var/tmp/npanel-forge/{name}")
        ran.append(subprocess.run(["/usr/sbin/exim4", "-bp"], **mail))
    os.chdir("/")
    rest = line.removeprefix("2026-11-25 19:00:00 ")
    for arguments in (["-f", f'"{rest}"@bob.example', "bob@vmtest"], ["-f", f'"a\n{line}"@bob.example', "bob@vmtest"], ["-F", f"a\n{line}", "bob@vmtest"],
                      ["-oMr", f"a\n{line}", "bob@vmtest"], ["-oMt", rest, "bob@vmtest"], [f'"{rest}"@vmtest'], [f'"{rest} R=r T=t"@{mta.ANSWERS}'],
                      ["-oMm", queue_id, "bob@vmtest"], ["-M", queue_id], ["-Mg", queue_id], ["-bt", rest], ["-bv", rest], ["-be", rest], ["-bh", "192.0.2.9"]):
        ran.append(subprocess.run(["/usr/sbin/exim4", *arguments], **mail))
    for said in (f"{rest}\n" * 5, f"HELO {rest}\nMAIL FROM:<{rest}>\nRCPT TO:<{rest}>\n", f"EHLO x\n{line}\nETRN {rest}\nVRFY {rest}\n",
                 f'HELO x\nMAIL FROM:<"{rest}"@y.example>\nRCPT TO:<bob@vmtest>\nDATA\nSubject: {line}\nMessage-Id: <{rest}>\n\n.\nQUIT\n'):
        ran.append(subprocess.run(["/usr/sbin/exim4", "-bs"], **mail | {"input": said}))
    ran.append(subprocess.run(["/usr/sbin/exim4", "-t"], **mail | {"input": f'To: bob@vmtest, "{rest}"@vmtest\nSubject: {line}\n\nx\n'}))
    pipe.send([(each.args, each.returncode, each.stderr) for each in ran])


def queued():
    return sorted(path.name.removesuffix("-D") for path in pathlib.Path("/var/spool/exim4/input").rglob("*-D"))


def empty_queue():
    if ids := queued():
        subprocess.run(["exim4", "-Mrm", *ids], capture_output=True)


def answers():
    try:
        with smtplib.SMTP("127.0.0.1", 25, timeout=support.HTTP_SECONDS):
            return True
    except OSError:
        return False
