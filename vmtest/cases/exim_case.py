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
local_interfaces = 127.0.0.1
queue_only
smtp_accept_max_per_connection = 2000
keep_environment =
acl_smtp_rcpt = accept_all
acl_smtp_data = data
acl_not_smtp = not_smtp
begin acl
accept_all:
  accept
data:
.include /etc/exim/policy.d/rate_limit.cf
  accept
not_smtp:
.include /usr/share/npanel/exim/check_not_smtp
  accept
begin routers
answers:
  driver = manualroute
  domains = answers.example
  transport = answering
  route_list = * 127.0.0.1 byname
  self = send
nowhere:
  driver = redirect
  data = :blackhole:
begin transports
answering:
  driver = smtp
  port = 2525
  allow_localhost
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

    def test_unknown_recipients_brake_the_account(self):
        self.assert_deliveries_brake()

    def test_owner_gets_a_letter(self):
        self.assert_owner_gets_a_letter(lambda command: subprocess.run(command, capture_output=True, text=True))

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


def answers():
    try:
        with smtplib.SMTP("127.0.0.1", 25, timeout=support.HTTP_SECONDS):
            return True
    except OSError:
        return False
