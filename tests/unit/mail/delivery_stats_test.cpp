// SPDX-License-Identifier: Apache-2.0
#include "mail/delivery_stats.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <fstream>

#include "support/temp_dir.h"

namespace npanel {
namespace {

const std::string kExim = "2026-11-25 19:00:00 1rABCD-0003Fk-2x ** x@y.example: Unrouteable address\n";
const std::string kPostfix =
    "Nov 25 19:00:00 host postfix/smtp[1]: 4BC: to=<x@y>, relay=none, delay=1, delays=0/0/0/1, dsn=5.4.4, "
    "status=bounced (Host not found)\n";

class DeliveryStatsTest : public testing::Test {
 protected:
  DeliveryStatsTest() {
    append("");
    std::ofstream(postlog_) << "";
    Config config;
    config.mail_logs = {log_};
    stats_.configure(config);
  }
  void append(const std::string& text) const { std::ofstream(log_, std::ios::app) << text; }
  // How many lines there were, and how many of them anybody may have written.
  std::pair<int, int> read() {
    std::pair<int, int> lines;
    complaints_ = stats_.read([&](const LoggedDelivery& delivery, bool anybodys) -> std::optional<CountedDelivery> {
      ++lines.first;
      lines.second += anybodys ? 1 : 0;
      if (anybodys) return std::nullopt;
      return CountedDelivery{.account = account_,
                             .recipient = std::hash<std::string>()(delivery.recipient),
                             .verdict = verdict_of(delivery.facts)};
    });
    return lines;
  }
  using Lines = std::pair<int, int>;

  const TempDir dir_;
  const std::string log_ = dir_.path("mainlog");
  const std::string postlog_ = dir_.path("postlog");
  DeliveryStats stats_{postlog_};
  std::vector<std::string> complaints_;
  std::string account_ = "bob";
};

std::string answered(const std::string& recipient, const std::string& answer) {
  return "2026-11-25 19:00:00 1rABCD-0003Fk-2x ** " + recipient +
         " R=r T=t H=mx1.elsewhere.example [192.0.2.7]: SMTP error " + "from remote mail server after RCPT TO:<" +
         recipient + ">: " + answer + "\n";
}

TEST_F(DeliveryStatsTest, BothMtasAreBelieved) {
  append(kExim + kPostfix);
  EXPECT_EQ(read(), Lines(2, 0));
  EXPECT_EQ(stats_.last_hour("bob")[Outcome::unknown_recipient], 2U);
  EXPECT_TRUE(complaints_.empty());
}

TEST_F(DeliveryStatsTest, AnAccountsHourFollowsItsNewName) {
  append(kExim);
  EXPECT_EQ(read(), Lines(1, 0));
  stats_.rename("bob", "john.doe");
  EXPECT_EQ(stats_.last_hour("john.doe")[Outcome::unknown_recipient], 1U);
  EXPECT_EQ(stats_.last_hour("bob"), Deliveries{});
  EXPECT_EQ(stats_.take_changed(), std::set<std::string>{"john.doe"});
}

// Exim 4.96 writes the directory's name as it is.
TEST_F(DeliveryStatsTest, AfterALineOfArgumentsAnybodyMayHaveWrittenTheNext) {
  append("2026-11-25 19:00:00 cwd=/tmp/d\n" + kExim + "2026-11-25 19:00:00 cwd=x 2 args: exim4 -bp\n");
  EXPECT_EQ(read(), Lines(1, 1));
  ASSERT_EQ(complaints_.size(), 1U);
  EXPECT_NE(complaints_[0].find("+arguments"), std::string::npos) << complaints_[0];
  append(kExim);
  EXPECT_EQ(read(), Lines(1, 1));
  EXPECT_TRUE(complaints_.empty()) << "told once";
  EXPECT_EQ(stats_.last_hour("bob"), Deliveries{});
}

TEST_F(DeliveryStatsTest, WhereAnybodyMayRunPostlogWithItsGroupNothingOfPostfixCounts) {
  ASSERT_EQ(::chmod(postlog_.c_str(), 02755), 0);
  append(kExim + kPostfix);
  EXPECT_EQ(read(), Lines(2, 1));
  ASSERT_EQ(complaints_.size(), 1U);
  EXPECT_NE(complaints_[0].find("chmod g-s"), std::string::npos) << complaints_[0];
  ASSERT_EQ(read(), Lines(0, 0));
  EXPECT_TRUE(complaints_.empty()) << "told once";
  ASSERT_EQ(::chmod(postlog_.c_str(), 0755), 0);
  append(kPostfix);
  EXPECT_EQ(read(), Lines(1, 0));
}

TEST_F(DeliveryStatsTest, ALogThatEverybodyMayWriteIsNotRead) {
  append(kExim);
  ASSERT_EQ(::chmod(log_.c_str(), 0666), 0);
  EXPECT_EQ(read(), Lines(0, 0));
  ASSERT_EQ(complaints_.size(), 1U);
  EXPECT_NE(complaints_[0].find("everybody"), std::string::npos) << complaints_[0];
}

TEST_F(DeliveryStatsTest, ExamplesAreThreeOfDifferentDomains) {
  for (int i = 0; i < 9; ++i) append(answered("x@y" + std::to_string(i / 2) + ".example", "550 5.1.1 no such user"));
  read();
  const auto examples = stats_.examples("bob");
  ASSERT_EQ(examples.size(), 3U);
  EXPECT_EQ(examples[0].domain, "y4.example");
  EXPECT_EQ(examples[0].answer, "550 5.1.1 no such user");
  EXPECT_EQ(examples[2].domain, "y2.example");
}

TEST_F(DeliveryStatsTest, ExamplesOfOneDomainAreThreeToo) {
  append(answered("x@z.example", "550 no such user"));
  for (int i = 0; i < 9; ++i) append(answered("x@y.example", "550 no such user x" + std::to_string(i)));
  read();
  const auto examples = stats_.examples("bob");
  ASSERT_EQ(examples.size(), 3U);
  EXPECT_EQ(examples[0].answer, "550 no such user x8");
  EXPECT_EQ(examples[1].answer, "550 no such user x7");
  EXPECT_EQ(examples[2].domain, "z.example");
}

TEST_F(DeliveryStatsTest, WhatIsNotUnderstoodIsKeptAndCountsForNothing) {
  for (int i = 0; i < 200; ++i) append(answered("x@y.example", "550 " + std::string(i % 2 == 0 ? "hm" : "well")));
  for (int i = 0; i < 200; ++i)
    append(answered("z@y.example", "550 " + std::string(static_cast<size_t>(i) + 1, 'x') + std::string(2000, 'y')));
  read();
  const UnclearMail unclear = stats_.unclear();
  EXPECT_EQ(unclear.count, 400U);
  ASSERT_EQ(unclear.newest.size(), 50U);
  EXPECT_EQ(unclear.newest[0].server, "mx1.elsewhere.example");
  for (const UnclearAnswer& each : unclear.newest) EXPECT_LE(each.text.size(), 300U);
  EXPECT_EQ(stats_.last_hour("bob").judged(), 0U);
}

TEST_F(DeliveryStatsTest, SameUnclearAnswerIsOneLine) {
  for (int i = 0; i < 200; ++i)
    append(answered("x" + std::to_string(i) + "@y.example", "550 hm, x" + std::to_string(i) + "@y.example"));
  read();
  ASSERT_EQ(stats_.unclear().newest.size(), 1U);
  EXPECT_EQ(stats_.unclear().newest[0].count, 200U);
  EXPECT_EQ(stats_.unclear().newest[0].account, "bob");
}

TEST_F(DeliveryStatsTest, ATroubleOfTheServerIsToldOnce) {
  for (int i = 0; i < 20; ++i) {
    account_ = "account" + std::to_string(i);
    append(answered("x@y.example", "550 198.51.100.7 is in a block list"));
    read();
  }
  const auto begun = stats_.judge();
  ASSERT_EQ(begun.size(), 1U);
  EXPECT_EQ(begun[0].trouble, Trouble::reputation);
  EXPECT_EQ(begun[0].senders, 20U);
  EXPECT_EQ(begun[0].destinations, (std::vector<std::string>{"elsewhere.example"}));
  EXPECT_EQ(begun[0].example.answer, "550 198.51.100.7 is in a block list");
  append(answered("z@y.example", "550 198.51.100.7 is in a block list"));
  read();
  EXPECT_TRUE(stats_.judge().empty());
  EXPECT_EQ(stats_.findings().size(), 1U);
  for (int i = 0; i < 20; ++i) EXPECT_EQ(stats_.last_hour("account" + std::to_string(i)).judged(), 0U);
}

TEST_F(DeliveryStatsTest, MemoryIsBoundedWhateverIsSent) {
  for (int i = 0; i < 3000; ++i) append(answered("x@" + std::to_string(i) + ".example", "550 5.1.1 no such user"));
  read();
  EXPECT_EQ(stats_.last_hour("bob").total(), DeliveryHour::kRecipientsMost);
}

}  // namespace
}  // namespace npanel
