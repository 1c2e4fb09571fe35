// SPDX-License-Identifier: Apache-2.0
#include "agent/delivery_book.h"

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

class DeliveryBookTest : public testing::Test {
 protected:
  DeliveryBookTest() {
    append("");
    std::ofstream(postlog_) << "";
    Config config;
    config.mail_logs = {log_};
    book_.configure(config);
  }
  void append(const std::string& text) const { std::ofstream(log_, std::ios::app) << text; }
  // How many lines there were, and how many of them anybody may have written.
  std::pair<int, int> read() {
    std::pair<int, int> lines;
    complaints_ = book_.read([&](const LoggedDelivery&, bool anybodys) {
      ++lines.first;
      lines.second += anybodys ? 1 : 0;
      return anybodys ? std::nullopt : std::optional<std::string>("bob");
    });
    return lines;
  }
  using Lines = std::pair<int, int>;

  const TempDir dir_;
  const std::string log_ = dir_.path("mainlog");
  const std::string postlog_ = dir_.path("postlog");
  DeliveryBook book_{postlog_};
  std::vector<std::string> complaints_;
};

TEST_F(DeliveryBookTest, BothMtasAreBelieved) {
  append(kExim + kPostfix);
  EXPECT_EQ(read(), Lines(2, 0));
  EXPECT_EQ(book_.last_hour("bob").unknown, 2U);
  EXPECT_TRUE(complaints_.empty());
}

TEST_F(DeliveryBookTest, AnAccountsHourFollowsItsNewName) {
  append(kExim);
  EXPECT_EQ(read(), Lines(1, 0));
  book_.rename("bob", "john.doe");
  EXPECT_EQ(book_.last_hour("john.doe").unknown, 1U);
  EXPECT_EQ(book_.last_hour("bob"), Deliveries{});
  EXPECT_EQ(book_.take_changed(), std::set<std::string>{"john.doe"});
}

// Exim 4.96 writes the directory's name as it is.
TEST_F(DeliveryBookTest, AfterALineOfArgumentsAnybodyMayHaveWrittenTheNext) {
  append("2026-11-25 19:00:00 cwd=/tmp/d\n" + kExim + "2026-11-25 19:00:00 cwd=x 2 args: exim4 -bp\n");
  EXPECT_EQ(read(), Lines(1, 1));
  ASSERT_EQ(complaints_.size(), 1U);
  EXPECT_NE(complaints_[0].find("+arguments"), std::string::npos) << complaints_[0];
  append(kExim);
  EXPECT_EQ(read(), Lines(1, 1));
  EXPECT_TRUE(complaints_.empty()) << "told once";
  EXPECT_EQ(book_.last_hour("bob"), Deliveries{});
}

TEST_F(DeliveryBookTest, WhereAnybodyMayRunPostlogWithItsGroupNothingOfPostfixCounts) {
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

TEST_F(DeliveryBookTest, ALogThatEverybodyMayWriteIsNotRead) {
  append(kExim);
  ASSERT_EQ(::chmod(log_.c_str(), 0666), 0);
  EXPECT_EQ(read(), Lines(0, 0));
  ASSERT_EQ(complaints_.size(), 1U);
  EXPECT_NE(complaints_[0].find("everybody"), std::string::npos) << complaints_[0];
}

}  // namespace
}  // namespace npanel
