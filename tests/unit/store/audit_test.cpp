// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include "sample.h"
#include "support/temp_dir.h"

namespace npanel {
namespace {

constexpr int64_t kStartMs = 1'700'000'000'000;

// 1 … 6, a second apart.
class AuditTrail : public testing::Test {
 protected:
  void SetUp() override {
    write(entry_of("bob", "account.create"), 0);
    write(entry_of("eve", "account.create"), 1);
    AuditEntry by_token = entry_of("bob", "account.change");
    by_token.actor = "token panel";
    by_token.result = "100% is \"more\" than_one core";
    write(by_token, 2);
    AuditEntry feature = entry_of("", "feature.change");
    feature.account = std::nullopt;
    feature.target = "config_layering";
    write(feature, 3);
    write(entry_of("bob", "accounting.none"), 4);
    write(entry_of("bob", "account.delete"), 5);
  }
  void write(AuditEntry entry, int64_t second) {
    entry.at_ms = kStartMs + second * 1000;
    ASSERT_TRUE(store_.append({.audit = {entry}}));
  }
  std::vector<int64_t> ids(const AuditQuery& query) {
    std::vector<int64_t> found;
    const auto entries = store_.audit(query).value();
    for (const AuditEntry& entry : entries) found.push_back(entry.id);
    return found;
  }
  using Ids = std::vector<int64_t>;

  const TempDir dir_;
  Store store_ = Store::open(dir_.path("db")).value();
};

TEST_F(AuditTrail, GivesBackWhatWasWrittenNewestFirst) {
  EXPECT_EQ(ids({}), (Ids{6, 5, 4, 3, 2, 1}));
  AuditEntry first = entry_of("bob", "account.create");
  first.id = 1;
  EXPECT_EQ(store_.audit({}).value().back(), first);
  EXPECT_FALSE(store_.audit({}).value()[2].account);
}

TEST_F(AuditTrail, FindsByAccountActorAndAction) {
  EXPECT_EQ(ids({.account = "bob"}), (Ids{6, 5, 3, 1}));
  EXPECT_EQ(ids({.actor = "token panel"}), (Ids{3}));
  EXPECT_EQ(ids({.action = "account.create"}), (Ids{2, 1}));
  EXPECT_EQ(ids({.action = "account."}), (Ids{6, 3, 2, 1}));
  EXPECT_EQ(ids({.action = "account"}), Ids{});
  EXPECT_EQ(ids({.account = "bob", .actor = "uid 0 (root)", .action = "account."}), (Ids{6, 1}));
}

TEST_F(AuditTrail, FindsATextInTargetBeforeAfterAndResultAsItIsWritten) {
  EXPECT_EQ(ids({.text = "config_lay"}), (Ids{4}));
  EXPECT_EQ(ids({.text = "\"pids_max\":10"}), (Ids{6, 5, 4, 3, 2, 1}));
  EXPECT_EQ(ids({.account = "bob", .text = "\"pids_max\":20"}), (Ids{6, 5, 3, 1}));
  EXPECT_EQ(ids({.text = "100% is \"more\" than_one"}), (Ids{3}));
  EXPECT_EQ(ids({.text = "%"}), (Ids{3}));
  EXPECT_EQ(ids({.text = "CONFIG"}), Ids{});
}

TEST_F(AuditTrail, FindsARangeOfTimeFromItsFirstMomentToBeforeItsLast) {
  EXPECT_EQ(ids({.from_ms = kStartMs + 1000, .until_ms = kStartMs + 3000}), (Ids{3, 2}));
  EXPECT_EQ(ids({.account = "bob", .from_ms = kStartMs + 1}), (Ids{6, 5, 3}));
  EXPECT_EQ(ids({.actor = "uid 0 (root)", .until_ms = kStartMs + 1000}), (Ids{1}));
}

TEST_F(AuditTrail, GoesOnBelowAPage) {
  EXPECT_EQ(ids({.limit = 2}), (Ids{6, 5}));
  EXPECT_EQ(ids({.below_id = 5, .limit = 2}), (Ids{4, 3}));
  EXPECT_EQ(ids({.account = "bob", .below_id = 5}), (Ids{3, 1}));
  EXPECT_EQ(ids({.below_id = 1}), Ids{});
}

TEST_F(AuditTrail, PagesMissNothingWhenTheClockWasSetBack) {
  write(entry_of("bob"), 2);
  write(entry_of("bob"), 7);
  EXPECT_EQ(ids({}), (Ids{8, 6, 5, 4, 7, 3, 2, 1}));
  EXPECT_EQ(ids({.below_id = 4, .limit = 2}), (Ids{7, 3}));
  EXPECT_EQ(ids({.below_id = 7, .limit = 2}), (Ids{3, 2}));
}

// More than are sorted at once: another way through the indexes, the same answer.
TEST_F(AuditTrail, FindsTheSameAmongManyRows) {
  SQLite::Database(dir_.path("db"), SQLite::OPEN_READWRITE)
      .exec(
          "WITH RECURSIVE n(i) AS (SELECT 7 UNION ALL SELECT i + 1 FROM n WHERE i < 20006) INSERT INTO audit "
          "SELECT i, 1700000000000, 'uid 0 (root)', 'api', 'account.change', 'many', '', '', '', 'ok', 1, '', '' FROM "
          "n");
  EXPECT_EQ(ids({.account = "bob", .action = "account."}), (Ids{6, 3, 1}));
  EXPECT_EQ(ids({.actor = "uid 0 (root)", .action = "account.", .from_ms = kStartMs + 1}), (Ids{6, 2}));
  EXPECT_EQ(ids({.action = "account.", .limit = 3}), (Ids{6, 3, 2}));
  EXPECT_EQ(ids({.action = "account.", .below_id = 2, .limit = 1}), (Ids{20'006}));
  EXPECT_EQ(ids({.account = "many", .action = "account.change", .limit = 1}), (Ids{20'006}));
}

}  // namespace
}  // namespace npanel
