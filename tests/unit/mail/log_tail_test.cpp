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
