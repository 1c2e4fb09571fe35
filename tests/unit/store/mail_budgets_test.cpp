// SPDX-License-Identifier: Apache-2.0
#include "store/mail_budgets.h"

#include <SQLiteCpp/Statement.h>
#include <gtest/gtest.h>

#include <random>

#include "model/mail.h"
#include "store/store.h"
#include "support/temp_dir.h"

namespace npanel {
namespace {

constexpr uint64_t kBoot = NP_MAIL_BEFORE_BOOT_NS + 18000 * NP_SECOND_NS;  // five hours up
constexpr uint64_t kNextBoot = NP_MAIL_BEFORE_BOOT_NS + 20 * NP_SECOND_NS;
constexpr int64_t kWall = 1'700'000'000'000;
constexpr int64_t kMinuteMs = 60'000;
constexpr uint64_t kNsAMs = 1'000'000;

class MailBudgets : public testing::Test {
 protected:
  void put(uint64_t charged_ns, uint64_t saved_ns) {
    np_mail_budget budget{};
    const np_mail_limit limit = kernel_limit({});
    const np_mail_amount seven{.messages = 7, .recipients = 9, .bytes = 1000};
    np_mail_take(&budget, &limit, &seven, NP_MAIL_CHARGE, charged_ns);
    ASSERT_TRUE(store_.put({{.account = "bob", .saved_ms = kWall, .budget = budget}}, saved_ns));
  }
  np_mail_budget get(int64_t now_ms, uint64_t now_ns) {
    const auto stored = store_.budgets(now_ms, now_ns).value();
    EXPECT_EQ(stored.size(), 1U);
    return stored.empty() ? np_mail_budget{} : stored.front().budget;
  }

  const TempDir dir_;
  Store store_ = Store::open(dir_.path("npanel.db")).value();
};

TEST_F(MailBudgets, ComesBackInTheNextBootAsOldAsTheWallClockSays) {
  put(kBoot, kBoot + 4 * NP_MINUTE_NS);
  const np_mail_budget budget = get(kWall + 3 * kMinuteMs, kNextBoot);
  EXPECT_EQ(sent(budget, NP_MAIL_QUARTER, kNextBoot).messages, 7U);
  EXPECT_EQ(sent(budget, NP_MAIL_HOUR, kNextBoot).recipients, 9U);
  EXPECT_EQ(sent(budget, NP_MAIL_DAY, kNextBoot).bytes, 1000U);
  EXPECT_EQ(sent(budget, NP_MAIL_QUARTER, kNextBoot + 7 * NP_MINUTE_NS).messages, 7U) << "14 minutes old";
  EXPECT_EQ(sent(budget, NP_MAIL_QUARTER, kNextBoot + 10 * NP_MINUTE_NS).messages, 0U) << "17 minutes old";
}

// However the cells of the two boots lie to each other.
TEST_F(MailBudgets, CountsForTheWholeWindowWhateverThePhaseOfTheReboot) {
  std::mt19937_64 random(7);
  for (const auto window : {NP_MAIL_QUARTER, NP_MAIL_HOUR, NP_MAIL_DAY}) {
    const uint64_t cell_ms = np_mail_cells_a_step(window) * NP_MAIL_CELL_NS / kNsAMs;
    const uint64_t window_ms = cell_ms * NP_MAIL_CELLS_A_WINDOW;
    const auto any = [&](uint64_t most) { return std::uniform_int_distribution<uint64_t>(0, most)(random); };
    for (int i = 0; i < 100; ++i) {
      const uint64_t unsaved_ms = any(window_ms / 2);
      const uint64_t off_ms = any(window_ms / 2 - 1);
      const uint64_t charged_ns = kBoot + any(cell_ms) * kNsAMs;
      put(charged_ns, charged_ns + unsaved_ms * kNsAMs);
      const uint64_t now_ns = NP_MAIL_BEFORE_BOOT_NS + any(2 * cell_ms) * kNsAMs;
      const np_mail_budget budget = get(kWall + static_cast<int64_t>(off_ms), now_ns);
      const uint64_t end_ns = now_ns + (window_ms - unsaved_ms - off_ms) * kNsAMs;
      EXPECT_EQ(sent(budget, window, end_ns - 1).messages, 7U) << window << ' ' << unsaved_ms << ' ' << off_ms;
      EXPECT_EQ(sent(budget, window, end_ns + 3 * cell_ms * kNsAMs).messages, 0U) << window << ' ' << unsaved_ms;
    }
  }
}

TEST_F(MailBudgets, WhatIsOlderThanItsWindowIsForgotten) {
  put(kBoot, kBoot);
  const np_mail_budget budget = get(kWall + 70 * kMinuteMs, kNextBoot);
  EXPECT_EQ(sent(budget, NP_MAIL_HOUR, kNextBoot).messages, 0U);
  EXPECT_EQ(sent(budget, NP_MAIL_DAY, kNextBoot).messages, 7U);
}

TEST_F(MailBudgets, WallClockThatWentBackGivesNothingAndBlocksNothing) {
  put(kBoot, kBoot);
  const np_mail_budget budget = get(kWall - 500 * kMinuteMs, kNextBoot);
  EXPECT_EQ(sent(budget, NP_MAIL_QUARTER, kNextBoot).messages, 7U);
  EXPECT_EQ(sent(budget, NP_MAIL_QUARTER, kNextBoot + 16 * NP_MINUTE_NS).messages, 0U);
}

TEST_F(MailBudgets, VanishesWithItsAccount) {
  put(kBoot, kBoot);
  ASSERT_TRUE(store_.erase("bob", {}));
  EXPECT_TRUE(store_.budgets(kWall, kBoot).value().empty());
}

TEST_F(MailBudgets, RowsEditedByHandBeyondSenseAreLeftOut) {
  for (const char* cells : {"", "x", "{}", "[]", "[[],[]]", "[[],[],[[1,2]]]", "[[],[],[[-1,1,1,1]]]",
                            "[[],[],[[31,1,1,1]]]", "[[],[],[[0,4294967296,1,1]]]", "[[],[],[[0,1.5,1,1]]]"}) {
    SQLite::Database database(dir_.path("npanel.db"), SQLite::OPEN_READWRITE);
    SQLite::Statement row(database, "INSERT OR REPLACE INTO mail_budget VALUES ('bob', 1, ?)");
    row.bind(1, cells);
    row.exec();
    EXPECT_TRUE(store_.budgets(kWall, kBoot).value().empty()) << cells;
  }
}

}  // namespace
}  // namespace npanel
