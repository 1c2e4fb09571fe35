// SPDX-License-Identifier: Apache-2.0
#include "mail/delivery_log.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <initializer_list>

namespace npanel {
namespace {

const std::string kExim = "2026-11-25 19:00:00 1rABCD-0003Fk-2x ";
const std::string kPostfix = "Nov 25 19:00:00 host postfix/smtp[123]: 4BCdEF0123: to=<one@elsewhere.example>, ";
const std::string kDelays = "delay=0.1, delays=0/0/0/0.1, ";
const std::string kRcpt =
    "** one@elsewhere.example R=dnslookup T=remote_smtp H=mx.elsewhere.example [192.0.2.7]: SMTP error from remote "
    "mail "
    "server after RCPT TO:<one@elsewhere.example>: ";

// nullopt: the line is about no delivery.
std::optional<Outcome> read(const std::string& line) {
  const auto found = parse_delivery(line);
  return found ? std::optional(verdict_of(found->facts).outcome) : std::nullopt;
}

std::optional<Outcome> bounced(const std::string& dsn, const std::string& answer) {
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
  EXPECT_EQ(read(kExim + "=> one@elsewhere.example R=dnslookup T=remote_smtp"), Outcome::accepted);
  EXPECT_EQ(read(kExim + "-> two@elsewhere.example R=dnslookup T=remote_smtp"), Outcome::accepted);
}

TEST(EximLog, KnowsWhoDoesNotExist) {
  EXPECT_EQ(read(kExim + kRcpt + "550 5.1.1 <one@elsewhere.example>: Recipient address rejected"),
            Outcome::unknown_recipient);
  EXPECT_EQ(read(kExim + kRcpt + "550-5.1.1 The email account that you tried to reach"), Outcome::unknown_recipient);
  EXPECT_EQ(read(kExim + kRcpt + "550 User unknown"), Outcome::unknown_recipient) << "without an enhanced code";
  EXPECT_EQ(read(kExim + "** nobody@here.example R=system_aliases: Unrouteable address"), Outcome::unknown_recipient);
  EXPECT_EQ(read(kExim + "** nobody@here.example: Unrouteable address"), Outcome::unknown_recipient);
}

TEST(EximLog, TellsWhoHasSpokenAtWhichCommand) {
  const auto facts = [](const std::string& after) {
    return parse_delivery(kExim + "** one@elsewhere.example R=r T=t H=mx [192.0.2.7]: " + after)->facts;
  };
  const std::string remote = "SMTP error from remote mail server after ";
  EXPECT_EQ(facts(remote + "initial connection: 554 no").stage, Stage::connect);
  EXPECT_EQ(facts(remote + "EHLO web1.example: 550 no").stage, Stage::helo);
  EXPECT_EQ(facts(remote + "pipelined MAIL FROM:<bob@bob.example> SIZE=1: 550 no").stage, Stage::mail);
  EXPECT_EQ(facts(remote + "pipelined RCPT TO:<a: 550@b.example>: 551 5.1.6 no").code, 551);
  EXPECT_EQ(facts(remote + "DATA: 550 no").stage, Stage::data);
  EXPECT_EQ(facts(remote + "end of data: 550-5.7.26 no").detail, 26);
  EXPECT_TRUE(facts(remote + "end of data: 550 no").remote);
  EXPECT_FALSE(facts("retry timeout exceeded").remote);
}

TEST(EximLog, ATryThatNobodyAnsweredIsTheServers) {
  EXPECT_EQ(read(kExim + "** one@elsewhere.example R=dnslookup T=remote_smtp: retry timeout exceeded"),
            Outcome::server);
  EXPECT_EQ(read(kExim + "== one@elsewhere.example R=dnslookup T=remote_smtp defer (111): Connection refused"),
            Outcome::server);
  EXPECT_EQ(read(kExim + "== one@elsewhere.example R=dnslookup T=remote_smtp defer (-53): retry time not reached"),
            Outcome::server);
}

TEST(EximLog, WhatARemoteServerSaysIsNoLineOfPostfix) {
  const auto delivery = parse_delivery(
      "2026-11-25 19:00:00 1rABCD-0003Fk-2x == x@y R=r T=t: postfix/smtp[1]: 4BC: to=<x@y>, dsn=5.1.1, status=bounced");
  ASSERT_TRUE(delivery);
  EXPECT_EQ(delivery->queue_id, "1rABCD-0003Fk-2x");
  EXPECT_EQ(verdict_of(delivery->facts).outcome, Outcome::local);
}

TEST(EximLog, OtherLinesAreAboutSomethingElse) {
  for (const std::string& rest : {"<= bob@bob.example U=bob P=local S=400", "Completed", "", "=>"})
    if (rest != "=>") EXPECT_FALSE(read(kExim + rest)) << rest;
  EXPECT_FALSE(read("2026-11-25 19:00:00 exim 4.96 daemon started: pid=1"));
  EXPECT_FALSE(read("2026-11-25 19:00:00 Start queue run: pid=1rABCD-0003Fk-2x => x"));
}

// As real Exim 4.96 wrote them, but for the addresses.
TEST(EximLog, WhatSomebodyElseCanWriteIsNoLineAboutAMessage) {
  const std::string forged = "1rABCD-0003Fk-2x ** ann@x.example: Unrouteable address";
  for (const std::string& rest : std::initializer_list<std::string>{
           "cwd=/tmp/d " + forged,
           "cwd=/tmp/d 3 args: exim4 " + forged,
           "cwd=" + forged,
           "SMTP call from bob dropped: too many unrecognized commands (last was \"" + forged + "\")",
           "H=(x) [192.0.2.9] F=<" + forged + "> rejected RCPT <x@y>",
           "F=<x> " + forged,
           "bob " + forged,
           "1rABCD-0003Fk-2y H=x " + forged,
           "1rABCD-0003Fk-2y <= " + forged,
           "x [1] " + forged,
           "[1x] " + forged,
           "[1]" + forged,
           "+01000 " + forged,
           "  " + forged,
           "\t" + forged,
           "1rABCD-0003Fk-2x  ** x",
           "[1] +0100 " + forged,
           "1rABCD-0003Fk-2x: ** x: Unrouteable",
           "1rABCD00003Fk-2x ** x: Unrouteable",
           "1rABC-D0003Fk-2x ** x: Unrouteable"})
    EXPECT_FALSE(parse_delivery("2026-11-25 19:00:00 " + rest)) << rest;
  for (const char* before :
       {"", " ", "2026-11-25 ", "2026-11-25T19:00:00 ", "2026-11-25  19:00:00 ", "2026-11-25 19:00 ",
        "2026-11-25 19:00:00.1 ", "2026-11-25 19:00:00 0100 ", "x 2026-11-25 19:00:00 "})
    EXPECT_FALSE(parse_delivery(before + forged)) << before;
}

TEST(EximLog, ComesBySyslogToo) {
  const std::string rest = "1rABCD-0003Fk-2x ** x@y.example: Unrouteable address";
  for (const char* before : {"Nov 25 19:00:00 host exim[123]: 2026-11-25 19:00:00 ", "Nov  5 19:00:00 host exim: ",
                             "2026-11-25T19:00:00.123456+01:00 host exim4[1]: 2026-11-25 19:00:00.123 +0100 [1] ",
                             "2026-11-25T19:00:00Z h exim[1]: "})
    EXPECT_EQ(read(before + rest), Outcome::unknown_recipient) << before;
  for (const char* before :
       {"Nov 25 19:00:00 host bob: ", "Nov 25 19:00:00 host exim[1] ",
        "Nov 25 19:00:00 host exim[x]: ", "Nov 25 19:00:00 exim[1]: ", "Nov 25 19:00:00 host su: x exim[1]: ",
        "2026-11-25T19:00:00 h exim[1]: ", "Nix 25 19:00:00 host exim[1]: "})
    EXPECT_FALSE(parse_delivery(before + rest)) << before;
}

TEST(EximLog, LineOfArgumentsIsKnown) {
  EXPECT_TRUE(is_arguments_line("2026-11-25 19:00:00 cwd=/tmp/d"));
  EXPECT_TRUE(is_arguments_line("2026-11-25 19:00:00.123 +0100 [12] cwd=/tmp 2 args: exim4 -bs"));
  EXPECT_FALSE(is_arguments_line("2026-11-25 19:00:00 1rABCD-0003Fk-2x cwd=/tmp"));
  EXPECT_FALSE(is_arguments_line("cwd=/tmp"));
}

LoggedDelivery exim(const std::string& text) {
  return parse_delivery(kExim + text).value_or(LoggedDelivery{});
}

TEST(EximLog, NamesTheRecipientWhateverStandsBehindIt) {
  for (const char* text :
       {"=> One@Elsewhere.example R=r T=t H=mx [192.0.2.7]",
        "-> one@elsewhere.example <bob@here> R=r T=t H=mx [192.0.2.7] C=\"250 ok\"",
        "=> one@elsewhere.example (x@y, z@y) <bob@here> F=<bob@here> P=<bob@here> R=r T=t S=1 H=mx [192.0.2.7]:25",
        "** one@elsewhere.example: Unrouteable address", "** one@elsewhere.example <bob@here> R=r: Unrouteable address",
        "== one@elsewhere.example routing defer (-52): retry time not reached",
        "== one@elsewhere.example R=r defer (-1): x",
        "== one@elsewhere.example Q=slow R=r T=t defer (-44) H=mx [192.0.2.7]: SMTP error"})
    EXPECT_EQ(exim(text).recipient, "one@elsewhere.example") << text;
}

// Exim logs "q u"@y without its quotes.
TEST(EximLog, OddAddressesAreNeverTakenForOneAnother) {
  for (const char* odd : {"x@y R=%@z", "x@y R=r T=t H=h [192.0.2.7]: %@z", "x@y <b%>@z", "x@y <b> %@z", "x@y F=<%@z",
                          "x@y Q=%@z", "x@y (%@z", "q %@z", "x@y: %@z", "x@y R=r%@z", "x@y routing defer (%@z",
                          "x@y T=t %@z", "x H=l [127.0.0.1] %@z", "\"%@z"}) {
    const auto named = [odd](char c) {
      std::string address = odd;
      std::ranges::replace(address, '%', c);
      return exim("=> " + address + " <bob@here> R=r T=t H=mx.z [192.0.2.7] C=\"250 ok\"");
    };
    EXPECT_NE(named('1').recipient, named('2').recipient) << odd;
    EXPECT_TRUE(named('1').remote) << odd;
  }
}

TEST(EximLog, KnowsWhatHasLeftTheHost) {
  for (const char* text :
       {"=> x@y R=r T=t H=mx [192.0.2.7]", "=> x@y R=r T=t H=mx DS [2001:db8::7] X=TLS1.3 C=\"250\"",
        "** x@y R=r T=t H=mx [192.0.2.7]: SMTP error", "== x@y R=r T=t defer (-44) H=mx [192.0.2.7]: SMTP error",
        "=> q u@y <b> R=r T=t H=mx [192.0.2.7]"})
    EXPECT_TRUE(exim(text).remote) << text;
  for (const char* text :
       {"=> bob <bob@here> R=localuser T=mail_spool", "=> x@y R=r T=t H=127.0.0.1 [127.0.0.1]",
        "=> x@y R=r T=t H=l [::1]", "=> x@y R=r T=lmtp H=store C=\"250 [192.0.2.7]\"", "** x@y: Unrouteable address",
        "=> /home/bob/mail <bob@here> R=r T=address_file", "== x@y R=r T=t defer (-53): retry time not reached",
        "=> x@y R=r T=t H=127.0.0.1 [127.0.0.1] C=\"250 H=mx [192.0.2.7]\""})
    EXPECT_FALSE(exim(text).remote) << text;
}

TEST(EximLog, WhatOurRouterRefusesSaysNothingOfTheRecipient) {
  EXPECT_EQ(Outcome::local, read(kExim + "** x@y.example R=npanel_expanded: 552 5.3.4 This message is too large"));
  EXPECT_EQ(Outcome::local,
            read(kExim + "== x@1rabcd-0003fk-2x.npanel.invalid <x@y.example> R=npanel_expanded defer (-1): x"));
}

TEST(PostfixLog, KnowsWhatWasAcceptedAndBywhom) {
  const std::string line = kPostfix + "relay=mx[192.0.2.7]:25, " + kDelays + "dsn=2.0.0, status=sent (250 ok)";
  EXPECT_EQ(read(kPostfix + "relay=none, " + kDelays + "dsn=2.0.0, status=sent (y.example)"), Outcome::local)
      << "thrown away by discard(8)";
  const auto sent = parse_delivery(line);
  ASSERT_TRUE(sent);
  EXPECT_EQ(sent->queue_id, "4BCdEF0123");
  EXPECT_EQ(verdict_of(sent->facts).outcome, Outcome::accepted);
  EXPECT_TRUE(
      parse_delivery("2026-11-25T19:00:00.1+01:00 host postfix-out/smtp[9]: ABC: to=<x@y>, relay=mx, delay=1, "
                     "delays=0/0/0/1, dsn=2.0.0, status=sent (250 ok)"));
}

TEST(PostfixLog, KnowsWhoDoesNotExist) {
  EXPECT_EQ(bounced("5.1.1", "550 5.1.1 User unknown (in reply to RCPT TO command)"), Outcome::unknown_recipient);
  EXPECT_EQ(bounced("5.0.0", "550 no such user (in reply to RCPT TO command)"), Outcome::unknown_recipient);
  EXPECT_EQ(read(kPostfix + "relay=none, " + kDelays +
                 "dsn=5.4.4, status=bounced (Host or domain name not found. type=A: Host not found)"),
            Outcome::unknown_recipient);
  EXPECT_EQ(read(kPostfix + "relay=local, " + kDelays + "dsn=5.1.1, status=bounced (unknown user: \"x\")"),
            Outcome::unknown_recipient);
}

TEST(PostfixLog, TellsWhoHasSpokenAtWhichCommand) {
  const auto facts = [](const std::string& reason) {
    return parse_delivery(kPostfix + "relay=mx[192.0.2.7]:25, " + kDelays + "dsn=4.0.0, status=deferred (" + reason +
                          ")")
        ->facts;
  };
  EXPECT_EQ(facts("host mx[192.0.2.7] refused to talk to me: 421 busy").stage, Stage::connect);
  EXPECT_EQ(facts("host mx[192.0.2.7] said: 450 no (in reply to EHLO command)").stage, Stage::helo);
  EXPECT_EQ(facts("host mx[192.0.2.7] said: 450 no (in reply to MAIL FROM command)").stage, Stage::mail);
  EXPECT_EQ(
      facts("host mx[192.0.2.7] said: 450 no (in reply to RCPT TO command) (in reply to end of DATA command)").stage,
      Stage::end_of_data)
      << "the other side writes what it likes";
  EXPECT_EQ(facts("host mx[192.0.2.7] said: 450 4.7.1 no (in reply to RCPT TO command)").detail, 1);
  EXPECT_EQ(facts("host mx[192.0.2.7] said: 450 no (in reply to RCPT TO command)").text, "no");
  EXPECT_FALSE(facts("connect to mx[192.0.2.7]:25: Connection refused").remote);
}

TEST(DeliveryLog, ADeliveryToNobodyIsNone) {
  EXPECT_FALSE(parse_delivery("2026-11-25 19:00:00 1rABCD-0003Fk-2x ** "));
  EXPECT_FALSE(
      parse_delivery("Nov 25 19:00:00 host postfix/smtp[123]: 4BCdEF0123: to=<>, relay=mx[192.0.2.7]:25, dsn=5.0.1, "
                     "status=bounced (x)"));
}

// logger(1) writes such a line for anybody.
TEST(PostfixLog, AStageThatStandsBeforeTheAnswerIsNone) {
  const auto facts = [](const std::string& reason) {
    std::string line = kPostfix;
    line += "relay=mx[192.0.2.7]:25, ";
    line += kDelays;
    line += "dsn=5.1.1, status=bounced (";
    line += reason;
    return parse_delivery(line += ")")->facts;
  };
  EXPECT_EQ(facts("host mx (in reply to RCPT TO command) said: 550 5.1.1 no such user").stage, Stage::unknown);
  EXPECT_EQ(facts("host mx (in reply to RCPT TO command) said: 550 5.1.1 no such user").code, 550);
  EXPECT_EQ(facts("host mx (in reply to refused to talk to me: 554").stage, Stage::connect);
  EXPECT_EQ(facts("host mx said: ").code, facts("host mx refused to talk to me: ").code)
      << "and an empty answer is none";
}

TEST(PostfixLog, WhatIsSuspendedHasNotBeenAsked) {
  for (const char* reason : {"host mx[192.0.2.7] said: 550 5.1.1 no such user (in reply to RCPT TO command)",
                             "connect to mx[192.0.2.7]:25: Connection refused"}) {
    std::string line = kPostfix;
    line += "relay=none, ";
    line += kDelays;
    line += "dsn=4.1.1, status=deferred (delivery temporarily suspended: ";
    line += reason;
    const auto delivery = parse_delivery(line += ")");
    EXPECT_FALSE(delivery->facts.asked);
    EXPECT_EQ(verdict_of(delivery->facts).outcome, Outcome::server);
  }
}

TEST(PostfixLog, WhatIsSuspendedForAListIsTheLists) {
  const auto delivery = parse_delivery(
      kPostfix + "relay=none, " + kDelays +
      "dsn=4.7.1, status=deferred (delivery temporarily suspended: host mx[192.0.2.7] refused to talk to me: 554 5.7.1 "
      "Service unavailable; Client host [192.0.2.77] blocked using zen.spamhaus.org)");
  EXPECT_FALSE(delivery->facts.asked);
  EXPECT_EQ(verdict_of(delivery->facts), (Verdict{.outcome = Outcome::server, .fault = ServerFault::reputation}));
}

TEST(PostfixLog, OtherLinesAreAboutSomethingElse) {
  const std::string forged = "4BC: to=<x@y>, relay=none, " + kDelays + "dsn=5.1.1, status=bounced (x)";
  ASSERT_TRUE(parse_delivery("Nov 25 19:00:00 host postfix/smtp[1]: " + forged));
  for (const std::string& line : std::initializer_list<std::string>{
           "Nov 25 19:00:00 host postfix/smtpd[1]: connect from localhost[127.0.0.1]",
           "Nov 25 19:00:00 host postfix/qmgr[1]: 4BC: from=<bob@x>, size=1, nrcpt=1 (queue active)",
           "Nov 25 19:00:00 host postfix/qmgr[1]: 4BC: removed", "Nov 25 19:00:00 host sshd[1]: " + forged,
           "Nov 25 19:00:00 host dovecot: Login: user=<x postfix/smtp[1]: " + forged,
           "Nov 25 19:00:00 host postfix: x postfix/smtp[1]: " + forged,
           "Nov 25 19:00:00 host postfix/smtp[1]: 4B C: to=<x@y>, relay=none, dsn=5.1.1, status=bounced (x)", "",
           "postfix", "postfix]: ", "postfix]: : to=<"})
    EXPECT_FALSE(parse_delivery(line)) << line;
}

TEST(PostfixLog, OnlyADeliveryAgentSaysWhatBecameOfAMessage) {
  const std::string rest = "[1]: 4BC: to=<x@y>, relay=none, " + kDelays + "dsn=5.1.1, status=bounced (x)";
  for (const char* program : {"smtp", "lmtp", "local", "virtual", "pipe", "error", "discard", "qmgr", "cleanup"})
    EXPECT_TRUE(parse_delivery("Nov 25 19:00:00 host postfix/" + (program + rest))) << program;
  for (const char* program : {"smtpd", "postlog", "postfix-script", "pickup", "sendmail", "smtp/x", "", "smtp "})
    EXPECT_FALSE(parse_delivery("Nov 25 19:00:00 host postfix/" + (program + rest))) << program;
  EXPECT_FALSE(parse_delivery("Nov 25 19:00:00 host xpostfix/smtp" + rest));
  EXPECT_FALSE(parse_delivery("Nov 25 19:00:00 host smtp" + rest));
}

TEST(PostfixLog, SeverityIsNoQueueId) {
  const auto line = parse_delivery("Nov 25 19:00:00 host postfix/smtp[1]: warning: 4BC: to=<x@y>, relay=none, " +
                                   kDelays + "dsn=5.1.1, status=bounced (x)");
  EXPECT_FALSE(line);
}

TEST(PostfixLog, AnAddressThatLooksLikeTheFieldsBehindItIsAnAddress) {
  const auto odd = parse_delivery(
      "Nov 25 19:00:00 host postfix/smtp[1]: 4BC: to=<\"a>, relay=local, delay=1, delays=0/0/0/1, dsn=2.0.0, "
      "status=sent "
      "(x\\\"\"@elsewhere.example>, orig_to=<\"b>\"@here>, relay=mx[192.0.2.7]:25, conn_use=2, " +
      kDelays + "tls=none, dsn=5.1.1, status=bounced (host mx[192.0.2.7] said: 550 5.1.1 no)");
  ASSERT_TRUE(odd);
  EXPECT_TRUE(odd->remote);
  EXPECT_EQ(verdict_of(odd->facts).outcome, Outcome::unknown_recipient);
  EXPECT_TRUE(odd->recipient.ends_with("\"@elsewhere.example")) << odd->recipient;
}

TEST(PostfixLog, KnowsWhatHasLeftTheHost) {
  const auto remote = [](const std::string& program, const std::string& relay) {
    return parse_delivery("Nov 25 19:00:00 host postfix/" + program + "[1]: 4BC: to=<X@Y.example>, relay=" + relay +
                          ", " + kDelays + "dsn=2.0.0, status=sent (250 ok)")
        ->remote;
  };
  EXPECT_TRUE(remote("smtp", "mx.y.example[192.0.2.7]:25"));
  EXPECT_TRUE(remote("smtp", "mx.y.example[2001:db8::7]:25"));
  EXPECT_TRUE(remote("lmtp", "store.y.example[192.0.2.7]:24"));
  EXPECT_FALSE(remote("smtp", "127.0.0.1[127.0.0.1]:10024")) << "a filter: it comes back";
  EXPECT_FALSE(remote("smtp", "localhost[::1]:10024"));
  EXPECT_FALSE(remote("lmtp", "host[private/dovecot-lmtp]"));
  for (const char* program : {"local", "virtual", "pipe", "error", "discard"})
    EXPECT_FALSE(remote(program, "mx.y.example[192.0.2.7]:25")) << program;
}

TEST(PostfixLog, NamesTheRecipientAndWhatItWasForwardedAs) {
  const auto forwarded =
      parse_delivery("Nov 25 19:00:00 host postfix/local[1]: 4BC: to=<Bob@host>, orig_to=<info@host>, relay=local, " +
                     kDelays + "dsn=2.0.0, status=sent (forwarded as 4BD12)");
  ASSERT_TRUE(forwarded);
  EXPECT_EQ(forwarded->recipient, "bob@host");
  EXPECT_EQ(forwarded->forwarded_as, "4BD12");
  EXPECT_EQ(
      parse_delivery(kPostfix + "relay=mx[192.0.2.7]:25, " + kDelays + "dsn=2.0.0, status=sent (forwarded as 4BD12)")
          ->forwarded_as,
      "")
      << "what a remote server says";
}

}  // namespace
}  // namespace npanel
