// SPDX-License-Identifier: Apache-2.0
#include "model/account.h"

#include <gtest/gtest.h>

namespace npanel {
namespace {

TEST(AccountName, TakesWhatUseraddTakes) {
  for (const char* name : {"a", "_", "bob", "web-1", "a_b", "a2345678901234567890123456789012"})
    EXPECT_TRUE(parse_account_name(name)) << name;
}

TEST(AccountName, IsNeverAPathAControlFileOrAnotherSpelling) {
  using namespace std::string_literals;
  for (const std::string& name : {""s,
                                  "."s,
                                  ".."s,
                                  "a/b"s,
                                  "../etc"s,
                                  "/etc"s,
                                  "cgroup.procs"s,
                                  "a.b"s,
                                  "Bob"s,
                                  "1bob"s,
                                  "-bob"s,
                                  "bob "s,
                                  " bob"s,
                                  "b\nob"s,
                                  "bob\0"s,
                                  "b\0ob"s,
                                  "bób"s,
                                  "a%2fb"s,
                                  std::string(33, 'a'),
                                  std::string(10'240, 'a')}) {
    const auto parsed = parse_account_name(name);
    ASSERT_FALSE(parsed) << name;
    EXPECT_EQ(parsed.error().field, "name");
  }
}

TEST(Limits, DefaultsAreInRange) {
  EXPECT_TRUE(check(Limits{}));
  EXPECT_TRUE(check(RateLimit{}));
}

TEST(Limits, EveryNumberHasALeastAndAMost) {
  for (const LimitField& field : kLimitFields) {
    Limits limits{.memory_max_bytes = std::nullopt};  // so that memory.high may be anything
    for (const uint64_t good : {field.least, field.most}) {
      limits.*field.member = good;
      EXPECT_TRUE(check(limits)) << field.name << " " << good;
    }
    limits.*field.member = std::nullopt;
    EXPECT_TRUE(check(limits)) << field.name;
    limits.*field.member = field.most + 1;
    ASSERT_FALSE(check(limits)) << field.name;
    EXPECT_EQ(check(limits).error().field, std::string("limits.") + field.name);
    if (field.least == 0) continue;
    limits.*field.member = field.least - 1;
    EXPECT_FALSE(check(limits)) << field.name;
  }
}

TEST(Limits, MemoryHighIsNotAboveMax) {
  const Limits limits{.memory_max_bytes = 64ULL << 20, .memory_high_bytes = 65ULL << 20};
  ASSERT_FALSE(check(limits));
  EXPECT_EQ(check(limits).error().field, "limits.memory_high_bytes");
}

TEST(RateLimit, BurstIsAtMostADaysWorth) {
  EXPECT_TRUE(check(RateLimit{.per_minute = 1, .burst = 1440}));
  EXPECT_FALSE(check(RateLimit{.per_minute = 1, .burst = 1441}));
  EXPECT_TRUE(check(RateLimit{.per_minute = 100'000, .burst = 100'000}));
  EXPECT_FALSE(check(RateLimit{.per_minute = 100'000, .burst = 100'001}));
  EXPECT_FALSE(check(RateLimit{.per_minute = 100'001, .burst = 1}));
  EXPECT_FALSE(check(RateLimit{.per_minute = 60, .burst = 0}));
}

TEST(RateLimit, RateZeroHasNoBurst) {
  EXPECT_TRUE(check(RateLimit{.per_minute = 0, .burst = 0}));
  EXPECT_FALSE(check(RateLimit{.per_minute = 0, .burst = 1}));
}

TEST(Uid, OfSystemUsersIsRefused) {
  EXPECT_TRUE(check_uid(1000));
  EXPECT_TRUE(check_uid(4294967294));
  for (const uint64_t wrong : {0ULL, 999ULL, 4294967295ULL, 4294967296ULL}) EXPECT_FALSE(check_uid(wrong)) << wrong;
}

TEST(Words, AreReadBackAsTheyAreWritten) {
  for (const SmtpMode mode : {SmtpMode::off, SmtpMode::observe, SmtpMode::redirect, SmtpMode::enforce})
    EXPECT_EQ(parse_smtp_mode(to_string(mode)), mode);
  for (const AccountState state : {AccountState::active, AccountState::suspended, AccountState::deleting})
    EXPECT_EQ(parse_account_state(to_string(state)), state);
  EXPECT_FALSE(parse_smtp_mode("Enforce"));
  EXPECT_FALSE(parse_account_state(""));
}

}  // namespace
}  // namespace npanel
