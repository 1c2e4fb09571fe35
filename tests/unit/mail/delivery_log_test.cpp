// SPDX-License-Identifier: Apache-2.0
#include "mail/delivery_log.h"

#include <gtest/gtest.h>

namespace npanel {
namespace {

const std::string kExim = "2026-11-25 19:00:00 1rABCD-0003Fk-2x ";
const std::string kPostfix = "Nov 25 19:00:00 host postfix/smtp[123]: 4BCdEF0123: to=<one@elsewhere.example>, ";
const std::string kRcpt =
    "** one@elsewhere.example R=dnslookup T=remote_smtp H=mx.elsewhere.example [192.0.2.7]: SMTP error from remote "
    "mail "
    "server after RCPT TO:<one@elsewhere.example>: ";

std::optional<Delivery> read(const std::string& line) {
  const auto found = parse_delivery(line);
  return found ? std::optional(found->what) : std::nullopt;
}

std::optional<Delivery> bounced(const std::string& dsn, const std::string& answer) {
  return read(kPostfix + "relay=mx[192.0.2.7]:25, delay=0.1, delays=0/0/0/0, dsn=" + dsn +
              ", status=bounced (host mx[192.0.2.7] said: " + answer + ")");
}

TEST(EximLog, NamesTheMessageWhateverStandsBeforeIt) {
  const std::string flag = "=> one@elsewhere.example R=dnslookup T=remote_smtp H=mx [192.0.2.7] C=\"250 OK\"";
  EXPECT_EQ(parse_delivery(kExim + flag)->queue_id, "1rABCD-0003Fk-2x");
  for (const char* before :
       {"2026-11-25 19:00:00 +0100 ", "2026-11-25 19:00:00.123 [4711] ", "2026-11-25 19:00:00 +0100 [4711] "})
    EXPECT_EQ(parse_delivery(before + ("1rABCD-0003Fk-2x " + flag))->queue_id, "1rABCD-0003Fk-2x") << before;
  EXPECT_EQ(parse_delivery("2026-11-25 19:00:00 1rABCD-00000003Fkz-2xyZ " + flag)->queue_id, "1rABCD-00000003Fkz-2xyZ");
}

TEST(EximLog, KnowsWhatWasAccepted) {
  EXPECT_EQ(read(kExim + "=> one@elsewhere.example R=dnslookup T=remote_smtp"), Delivery::accepted);
  EXPECT_EQ(read(kExim + "-> two@elsewhere.example R=dnslookup T=remote_smtp"), Delivery::accepted);
}

TEST(EximLog, KnowsWhoDoesNotExist) {
  EXPECT_EQ(read(kExim + kRcpt + "550 5.1.1 <one@elsewhere.example>: Recipient address rejected"), Delivery::unknown);
  EXPECT_EQ(read(kExim + kRcpt + "550-5.1.1 The email account that you tried to reach"), Delivery::unknown);
  EXPECT_EQ(read(kExim + kRcpt + "550 User unknown"), Delivery::unknown) << "without an enhanced code";
  EXPECT_EQ(read(kExim + "** nobody@here.example R=system_aliases: Unrouteable address"), Delivery::unknown);
  EXPECT_EQ(read(kExim + "** nobody@here.example: Unrouteable address"), Delivery::unknown);
}

TEST(EximLog, AFaultThatIsNotTheSendersCountsForNothing) {
  EXPECT_FALSE(read(kExim + kRcpt + "552 5.2.2 mailbox full"));
  EXPECT_FALSE(read(kExim + kRcpt + "550 5.7.1 blocked"));
  EXPECT_FALSE(read(kExim +
                    "** one@elsewhere.example R=dnslookup T=remote_smtp H=mx [192.0.2.7]: SMTP error from remote "
                    "mail server after end of data: 550 looks like spam"));
  EXPECT_FALSE(read(kExim + "** one@elsewhere.example R=dnslookup T=remote_smtp: retry timeout exceeded"));
  EXPECT_FALSE(read(kExim + "** one@elsewhere.example: retry timeout exceeded"));
}

TEST(EximLog, ADeferralIsAnAnswerAndNotAFaultOnTheWay) {
  EXPECT_EQ(
      read(kExim + "== one@elsewhere.example R=dnslookup T=remote_smtp defer (-44) H=mx [192.0.2.7]: SMTP error from "
                   "remote mail server after RCPT TO:<one@elsewhere.example>: 451 4.7.1 Greylisted"),
      Delivery::deferred);
  EXPECT_FALSE(read(kExim +
                    "== one@elsewhere.example R=dnslookup T=remote_smtp defer (-44) H=mx [192.0.2.7]: SMTP error from "
                    "remote mail server after RCPT TO:<one@elsewhere.example>: 452 4.2.2 over quota"));
  EXPECT_FALSE(read(kExim + "== one@elsewhere.example R=dnslookup T=remote_smtp defer (111): Connection refused"));
  EXPECT_FALSE(read(kExim + "== one@elsewhere.example R=dnslookup T=remote_smtp defer (-53): retry time not reached"));
}

TEST(EximLog, WhatARemoteServerSaysIsNoLineOfPostfix) {
  EXPECT_FALSE(
      read("2026-11-25 19:00:00 1rABCD-0003Fk-2x == x@y R=r T=t: postfix/smtp[1]: 4BC: to=<x@y>, dsn=5.1.1, "
           "status=bounced"));
}

TEST(EximLog, OtherLinesAreAboutSomethingElse) {
  for (const std::string& rest : {"<= bob@bob.example U=bob P=local S=400", "Completed", "", "=>"})
    if (rest != "=>") EXPECT_FALSE(read(kExim + rest)) << rest;
  EXPECT_FALSE(read("2026-11-25 19:00:00 exim 4.96 daemon started: pid=1"));
  EXPECT_FALSE(read("2026-11-25 19:00:00 Start queue run: pid=1rABCD-0003Fk-2x => x"));
}

TEST(PostfixLog, KnowsWhatWasAcceptedAndBywhom) {
  const std::string line = kPostfix + "relay=none, delay=0.1, dsn=2.0.0, status=sent (250 ok)";
  const auto sent = parse_delivery(line);
  ASSERT_TRUE(sent);
  EXPECT_EQ(sent->queue_id, "4BCdEF0123");
  EXPECT_EQ(sent->what, Delivery::accepted);
  EXPECT_TRUE(
      parse_delivery("2026-11-25T19:00:00.1+01:00 host postfix-out/smtp[9]: ABC: to=<x@y>, dsn=2.0.0, status=sent ()"));
}

TEST(PostfixLog, KnowsWhoDoesNotExist) {
  EXPECT_EQ(bounced("5.1.1", "550 5.1.1 User unknown (in reply to RCPT TO command)"), Delivery::unknown);
  EXPECT_EQ(bounced("5.0.0", "550 no such user (in reply to RCPT TO command)"), Delivery::unknown);
  EXPECT_EQ(
      read(kPostfix + "relay=none, dsn=5.4.4, status=bounced (Host or domain name not found. type=A: Host not found)"),
      Delivery::unknown);
  EXPECT_EQ(read(kPostfix + "relay=local, dsn=5.1.1, status=bounced (unknown user: \"x\")"), Delivery::unknown);
}

TEST(PostfixLog, AFaultThatIsNotTheSendersCountsForNothing) {
  EXPECT_FALSE(bounced("5.2.2", "552 5.2.2 mailbox full (in reply to RCPT TO command)"));
  EXPECT_FALSE(bounced("5.7.1", "550 5.7.1 blocked (in reply to RCPT TO command)"));
  EXPECT_FALSE(bounced("5.0.0", "550 spam (in reply to end of DATA command)"));
  EXPECT_FALSE(
      read(kPostfix + "relay=none, dsn=4.4.1, status=deferred (connect to mx[192.0.2.7]:25: Connection refused)"));
}

TEST(PostfixLog, ADeferralIsAnAnswer) {
  EXPECT_FALSE(read(kPostfix + "relay=mx, dsn=4.2.2, status=deferred (host mx[192.0.2.7] said: 452 4.2.2 over quota)"));
  EXPECT_EQ(read(kPostfix + "relay=mx, dsn=4.7.1, status=deferred (host mx[192.0.2.7] said: 450 4.7.1 Greylisted)"),
            Delivery::deferred);
  EXPECT_EQ(
      read(kPostfix + "relay=mx, dsn=4.0.0, status=deferred (host mx[192.0.2.7] refused to talk to me: 421 busy)"),
      Delivery::deferred);
}

TEST(PostfixLog, OtherLinesAreAboutSomethingElse) {
  for (const char* line :
       {"Nov 25 19:00:00 host postfix/smtpd[1]: connect from localhost[127.0.0.1]",
        "Nov 25 19:00:00 host postfix/qmgr[1]: 4BC: from=<bob@x>, size=1, nrcpt=1 (queue active)",
        "Nov 25 19:00:00 host sshd[1]: 4BC: to=<x@y>, dsn=5.1.1, status=bounced (x)",
        "Nov 25 19:00:00 host dovecot: Login: user=<x postfix/smtp[1]: 4BC: to=<x@y>, dsn=5.1.1, status=bounced (x)",
        "Nov 25 19:00:00 host postfix: x postfix/smtp[1]: 4BC: to=<x@y>, dsn=5.1.1, status=bounced (x)",
        "Nov 25 19:00:00 host postfix/smtp[1]: 4B C: to=<x@y>, dsn=5.1.1, status=bounced (x)", "", "postfix",
        "postfix]: ", "postfix]: : to=<"})
    EXPECT_FALSE(parse_delivery(line)) << line;
}

}  // namespace
}  // namespace npanel
