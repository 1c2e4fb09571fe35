// SPDX-License-Identifier: Apache-2.0
#include "model/account.h"

#include <gtest/gtest.h>

namespace npanel {
namespace {

using namespace std::string_literals;

TEST(AccountName, TakesWhatUseraddPanelsAndDirectoriesGiveOut) {
  for (const char* name : {"a", "_", "bob", "web-1", "a_b", "a2345678901234567890123456789012", "john.doe",
                           "shop.example_x7k2", "4you", "20231234", "J.Doe", "BOB", "cgroup.procs", "a..b", "a.", "a-"})
    EXPECT_TRUE(parse_account_name(name)) << name;
  EXPECT_TRUE(parse_account_name(std::string(64, 'a')));
}

TEST(AccountName, IsNoSecret) {
  const std::string secret(43, 'x');
  const auto pasted = parse_account_name("npt_panel_" + secret);
  ASSERT_FALSE(pasted);
  EXPECT_EQ(pasted.error().field, "name");
  EXPECT_EQ(pasted.error().text.find(secret), std::string::npos);
  EXPECT_TRUE(parse_account_name("npt_panel"));
  EXPECT_TRUE(parse_account_name("npt_" + secret));
}

TEST(AccountName, IsNeverAPathNorAnOptionNorHidden) {
  for (const std::string& name : {""s,
                                  "."s,
                                  ".."s,
                                  "..."s,
                                  ".bob"s,
                                  "a/b"s,
                                  "../etc"s,
                                  "/etc"s,
                                  "-bob"s,
                                  "bob "s,
                                  " bob"s,
                                  "b\nob"s,
                                  "bob\0"s,
                                  "b\0ob"s,
                                  "bób"s,
                                  "a%2fb"s,
                                  "a%2Eb"s,
                                  "a@b"s,
                                  "a:b"s,
                                  "a\\b"s,
                                  "a$"s,
                                  std::string(65, 'a'),
                                  std::string(10'240, 'a')}) {
    const auto parsed = parse_account_name(name);
    ASSERT_FALSE(parsed) << name;
    EXPECT_EQ(parsed.error().field, "name");
  }
}

TEST(AccountDirectory, OfAPlainNameIsTheName) {
  for (const char* name : {"a", "_", "bob", "web-1", "Bob", "4you"}) EXPECT_EQ(cgroup_directory(name), name);
  EXPECT_EQ(cgroup_directory("john.doe"), "john%2Edoe");
  EXPECT_EQ(cgroup_directory(Account{.name = "john.doe"}), "john%2Edoe");
  EXPECT_EQ(cgroup_directory(Account{.name = "john.doe", .directory = "jd"}), "jd");
}

// A cgroup beside which the kernel has a file of that name could not be made, or the file could not appear.
TEST(AccountDirectory, IsNeverCalledAsAControlFileNorLeadsElsewhereAndIsNotTooLong) {
  for (const std::string& name :
       {"cgroup.procs"s, "cpu.max"s, "memory.high"s, "io.max"s, "some.new.file"s, "a.."s, "a" + std::string(63, '.')}) {
    const std::string directory = cgroup_directory(name);
    EXPECT_EQ(directory.find_first_of("./"), std::string::npos) << directory;
    EXPECT_LE(directory.size(), 255U) << "NAME_MAX";
    EXPECT_EQ(account_of_directory(directory), name);
  }
}

TEST(AccountDirectory, HasOneSpelling) {
  for (const char* foreign : {"john.doe", "john%2edoe", "john%doe", "%2Ejohn", "", ".", "..", "a%2Fb", "a%252Eb", "-a"})
    EXPECT_EQ(account_of_directory(foreign), std::nullopt) << foreign;
  EXPECT_EQ(account_of_directory("bob"), "bob");
  EXPECT_NE(cgroup_directory("Bob"), cgroup_directory("bob"));
}

TEST(Limits, DefaultsAreInRange) {
  EXPECT_TRUE(check(Limits{}));
  EXPECT_TRUE(check(SmtpLimit{}));
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

TEST(SmtpLimit, BurstIsAtMostADaysWorth) {
  EXPECT_TRUE(check(SmtpLimit{.per_minute = 1, .burst = 1440}));
  EXPECT_FALSE(check(SmtpLimit{.per_minute = 1, .burst = 1441}));
  EXPECT_TRUE(check(SmtpLimit{.per_minute = 100'000, .burst = 100'000}));
  EXPECT_FALSE(check(SmtpLimit{.per_minute = 100'000, .burst = 100'001}));
  EXPECT_FALSE(check(SmtpLimit{.per_minute = 100'001, .burst = 1}));
  EXPECT_FALSE(check(SmtpLimit{.per_minute = 60, .burst = 0}));
}

TEST(SmtpLimit, RateZeroHasNoBurst) {
  EXPECT_TRUE(check(SmtpLimit{.per_minute = 0, .burst = 0}));
  EXPECT_FALSE(check(SmtpLimit{.per_minute = 0, .burst = 1}));
}

TEST(Uid, OfSystemUsersIsRefused) {
  EXPECT_TRUE(check_uid(1000));
  EXPECT_TRUE(check_uid(4294967294));
  for (const uint64_t wrong : {0ULL, 999ULL, 65534ULL, 4294967295ULL, 4294967296ULL}) {
    ASSERT_FALSE(check_uid(wrong)) << wrong;
    EXPECT_EQ(check_uid(wrong).error().field, "uid");
  }
  EXPECT_TRUE(check_uid(500, 500));
  EXPECT_FALSE(check_uid(9999, 10000)) << "below the configured one";
  EXPECT_FALSE(check_uid(65534, 1)) << "nobody is nobody's, whatever is configured";
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
