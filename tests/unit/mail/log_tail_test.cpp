// SPDX-License-Identifier: Apache-2.0
#include "mail/log_tail.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <vector>

#include "support/temp_dir.h"

namespace npanel {
namespace {

class LogTailTest : public testing::Test {
 protected:
  void append(const std::string& text) const { std::ofstream(path_, std::ios::app) << text; }
  std::vector<std::string> read() {
    std::vector<std::string> lines;
    const auto done = tail_.read([&](std::string_view line) { lines.emplace_back(line); });
    EXPECT_TRUE(done) << done.error().text;
    return lines;
  }
  using Lines = std::vector<std::string>;

  const TempDir dir_;
  const std::string path_ = dir_.path("mainlog");
  LogTail tail_{path_};
};

TEST_F(LogTailTest, ReadsWhatIsNewAndWhole) {
  append("old\n");
  EXPECT_EQ(read(), Lines{});
  append("one\ntw");
  EXPECT_EQ(read(), Lines{"one"});
  append("o\n");
  EXPECT_EQ(read(), Lines{"two"});
  EXPECT_EQ(read(), Lines{});
}

TEST_F(LogTailTest, AFileThatComesLaterIsReadFromItsBeginning) {
  EXPECT_EQ(read(), Lines{});
  append("one\n");
  EXPECT_EQ(read(), Lines{"one"});
}

TEST_F(LogTailTest, RotationLosesNothing) {
  append("old\n");
  read();
  append("last\n");
  std::filesystem::rename(path_, path_ + ".1");
  EXPECT_EQ(read(), Lines{"last"}) << "there is no new one yet";
  std::ofstream(path_ + ".1", std::ios::app) << "late\n";
  append("first\n");
  EXPECT_EQ(read(), (Lines{"late", "first"}));
  append("second\n");
  EXPECT_EQ(read(), Lines{"second"});
}

TEST_F(LogTailTest, AFileThatWasCutBeginsAnew) {
  append("old and long enough\n");
  read();
  std::filesystem::resize_file(path_, 0);
  append("new\n");
  EXPECT_EQ(read(), Lines{"new"});
}

std::time_t at(int day, int hour) {
  std::tm local{};
  local.tm_year = 126;
  local.tm_mon = 10;
  local.tm_mday = day;
  local.tm_hour = hour;
  local.tm_isdst = -1;
  return std::mktime(&local);
}

TEST_F(LogTailTest, AFileWithADateIsFollowedToTheNextDay) {
  std::time_t now = at(27, 23);
  LogTail tail(dir_.path("%slog-%D"), [&] { return now; });
  std::vector<std::string> lines;
  const auto read_dated = [&] {
    lines.clear();
    EXPECT_TRUE(tail.read([&](std::string_view line) { lines.emplace_back(line); }));
    return lines;
  };
  const auto write = [&](const char* name, const char* text) { std::ofstream(dir_.path(name), std::ios::app) << text; };
  write("mainlog-20261127", "old\n");
  EXPECT_EQ(read_dated(), Lines{});
  write("mainlog-20261127", "one\n");
  EXPECT_EQ(read_dated(), Lines{"one"});
  now = at(28, 0);
  write("mainlog-20261127", "late\n");
  EXPECT_EQ(read_dated(), Lines{"late"}) << "there is none of today yet";
  write("mainlog-20261127", "last\n");
  write("mainlog-20261128", "first\n");
  EXPECT_EQ(read_dated(), (Lines{"last", "first"}));
  write("mainlog-20261127", "nobody's\n");
  write("mainlog-20261128", "second\n");
  EXPECT_EQ(read_dated(), Lines{"second"});
}

TEST_F(LogTailTest, ALineWithoutEndIsLeftOut) {
  read();
  append(std::string(200'000, 'x') + "\nnext\n");
  EXPECT_EQ(read(), Lines{"next"});
}

TEST_F(LogTailTest, WhatEverybodyMayWriteIsNotRead) {
  append("old\n");
  read();
  append("forged\n");
  using std::filesystem::perms;
  std::filesystem::permissions(path_, perms::others_write, std::filesystem::perm_options::add);
  EXPECT_FALSE(tail_.read([](std::string_view line) { FAIL() << line; }));
  std::filesystem::permissions(path_, perms::others_write, std::filesystem::perm_options::remove);
  append("true\n");
  EXPECT_EQ(read(), Lines{"true"});
}

TEST_F(LogTailTest, WhatIsNoFileIsAnError) {
  std::filesystem::create_directory(path_);
  const auto done = tail_.read([](std::string_view) {});
  ASSERT_FALSE(done);
  EXPECT_NE(done.error().text.find("is no regular file"), std::string::npos) << done.error().text;
}

}  // namespace
}  // namespace npanel
