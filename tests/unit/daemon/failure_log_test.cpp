// SPDX-License-Identifier: Apache-2.0
#include "daemon/failure_log.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

#include "support/temp_dir.h"

namespace npanel {
namespace {

class FailureLogTest : public testing::Test {
 protected:
  static Failure failure(int64_t at_ms) { return {.at_ms = at_ms, .reason = "killed", .log = {"one", "two"}}; }

  TempDir dir_;
  std::string directory_ = dir_.path("failures");
};

TEST_F(FailureLogTest, ClosedFailureComesBackAsItWasWritten) {
  auto log = FailureLog::open(directory_).value();
  log.add(failure(1000));
  ASSERT_TRUE(log.flush());
  EXPECT_EQ(find_failures(directory_).open.size(), 1U) << "on disk before it is over";
  log.close("systemd", 0.5);
  ASSERT_TRUE(log.flush());
  Failure wanted = failure(1000);
  wanted.closed = true;
  wanted.recovered_by = "systemd";
  wanted.recovery_seconds = 0.5;
  EXPECT_EQ(find_failures(directory_).closed, std::vector{wanted});
  forget_failure(directory_, wanted);
  EXPECT_TRUE(std::filesystem::is_empty(directory_));
}

TEST_F(FailureLogTest, NextFailureClosesTheOneBeforeAsNotRecovered) {
  auto log = FailureLog::open(directory_).value();
  log.add(failure(1000));
  log.add(failure(2000));
  ASSERT_TRUE(log.flush());
  const FoundFailures found = find_failures(directory_);
  ASSERT_EQ(found.closed.size(), 1U);
  EXPECT_EQ(found.closed[0].recovered_by, std::nullopt);
  EXPECT_EQ(found.open.at(0).at_ms, 2000);
}

TEST_F(FailureLogTest, RestartedWatchdogClosesWhatWasOpen) {
  {
    auto log = FailureLog::open(directory_).value();
    log.add(failure(1000));
    ASSERT_TRUE(log.flush());
  }
  auto log = FailureLog::open(directory_).value();
  ASSERT_TRUE(log.flush());
  EXPECT_EQ(find_failures(directory_).closed.size(), 1U);
}

TEST_F(FailureLogTest, WhatTheDiskRefusedIsWrittenLater) {
  auto log = FailureLog::open(directory_).value();
  std::filesystem::remove_all(directory_);
  log.add(failure(1000));
  log.close("watchdog", 1);
  EXPECT_FALSE(log.flush());
  std::filesystem::create_directory(directory_);
  EXPECT_TRUE(log.flush());
  EXPECT_EQ(find_failures(directory_).closed.size(), 1U);
}

TEST_F(FailureLogTest, FileThatIsNoFailureIsNamedOnceAndKeptAside) {
  std::filesystem::create_directory(directory_);
  std::ofstream(directory_ + "/1.json") << "{\"at_ms\": \"yesterday\"}";
  EXPECT_EQ(find_failures(directory_).spoilt.size(), 1U);
  EXPECT_TRUE(find_failures(directory_).spoilt.empty());
  EXPECT_TRUE(std::filesystem::exists(directory_ + "/1.json.spoilt"));
}

TEST_F(FailureLogTest, KeepsTheNewestFiftyWhenNobodyTakesThem) {
  auto log = FailureLog::open(directory_).value();
  for (int64_t at = 1000; at < 1070; ++at) {
    log.add(failure(at));
    log.close(std::nullopt, 0);
    ASSERT_TRUE(log.flush());
  }
  const FoundFailures found = find_failures(directory_);
  EXPECT_EQ(found.closed.size(), 50U);
  EXPECT_EQ(found.closed.back().at_ms, 1069);
}

TEST_F(FailureLogTest, LogLineThatIsNotUtf8IsKeptReadable) {
  auto log = FailureLog::open(directory_).value();
  Failure odd = failure(1000);
  odd.log = {"\xff\xfe"};
  log.add(odd);
  log.close(std::nullopt, 0);
  ASSERT_TRUE(log.flush());
  EXPECT_EQ(find_failures(directory_).closed.at(0).log.at(0), "\xEF\xBF\xBD\xEF\xBF\xBD");
}

}  // namespace
}  // namespace npanel
