// SPDX-License-Identifier: Apache-2.0
#include "npanel/mail.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <deque>
#include <random>

namespace {

constexpr __u64 kSecond = NP_SECOND_NS;
constexpr __u64 kMinute = NP_MINUTE_NS;
constexpr __u64 kHour = 60 * kMinute;
constexpr __u64 kDay = 24 * kHour;
constexpr __u64 kStart = NP_MAIL_BEFORE_BOOT_NS + 7 * kSecond;
constexpr np_mail_amount kNoLimit{
    .messages = NP_MAIL_NO_COUNT, .recipients = NP_MAIL_NO_COUNT, .bytes = NP_MAIL_NO_BYTES};
constexpr np_mail_amount kOne{.messages = 1, .recipients = 1, .bytes = 1000};

np_mail_amount messages(__u32 most) {
  np_mail_amount limit = kNoLimit;
  limit.messages = most;
  return limit;
}

class MailBudget : public testing::Test {
 protected:
  __u32 take(__u64 now_ns, const np_mail_amount& amount = kOne, __u32 charge = NP_MAIL_CHARGE) {
    return np_mail_take(&budget_, &limit_, &amount, charge, now_ns);
  }
  [[nodiscard]] np_mail_amount sent_in(np_mail_window window) const {
    return np_mail_difference(&budget_.sent, &budget_.before[window]);
  }
  // How many of `tries` pass, one every `apart`.
  int passed(int tries, __u64 from, __u64 apart) {
    int count = 0;
    for (int i = 0; i < tries; ++i) count += take(from + static_cast<__u64>(i) * apart) == 0;
    return count;
  }

  np_mail_budget budget_{};
  np_mail_limit limit_{
      .windows = {kNoLimit, kNoLimit, kNoLimit}, .known = 1, .parent = 0, .parent_generation = 0, .reserved = 0};
};

TEST_F(MailBudget, LetsAllPassWithoutLimit) {
  EXPECT_EQ(passed(10000, kStart, 0), 10000);
}

TEST_F(MailBudget, DefersThe501stOfSixHundredInAnHour) {
  limit_.windows[NP_MAIL_HOUR] = messages(500);
  EXPECT_EQ(passed(500, kStart, 6 * kSecond), 500);
  EXPECT_EQ(take(kStart + 3000 * kSecond), np_mail_verdict(NP_MAIL_HOUR, NP_MAIL_MESSAGES));
  EXPECT_EQ(passed(99, kStart + 3006 * kSecond, 0), 0);
}

TEST_F(MailBudget, DefersThe101stInAQuarter) {
  limit_.windows[NP_MAIL_QUARTER] = messages(100);
  EXPECT_EQ(passed(110, kStart, 8 * kSecond), 100);
}

TEST_F(MailBudget, CountsRecipientsAndBytesOfItsOwn) {
  limit_.windows[NP_MAIL_HOUR].recipients = 10;
  limit_.windows[NP_MAIL_DAY].bytes = 5000;
  EXPECT_EQ(take(kStart, {.messages = 1, .recipients = 11, .bytes = 0}),
            np_mail_verdict(NP_MAIL_HOUR, NP_MAIL_RECIPIENTS));
  EXPECT_EQ(take(kStart, {.messages = 1, .recipients = 10, .bytes = 5000}), 0U);
  EXPECT_EQ(take(kStart, {.messages = 1, .recipients = 0, .bytes = 1}), np_mail_verdict(NP_MAIL_DAY, NP_MAIL_BYTES));
}

TEST_F(MailBudget, DoesNotChargeWhatItRefuses) {
  limit_.windows[NP_MAIL_HOUR].recipients = 10;
  for (int i = 0; i < 50; ++i) take(kStart, {.messages = 1, .recipients = 11, .bytes = 100});
  EXPECT_EQ(sent_in(NP_MAIL_QUARTER).messages, 0U);
  EXPECT_EQ(take(kStart, {.messages = 1, .recipients = 10, .bytes = 100}), 0U);
}

TEST_F(MailBudget, OnlyAsksWithoutCharging) {
  limit_.windows[NP_MAIL_HOUR] = messages(1);
  for (int i = 0; i < 5; ++i) EXPECT_EQ(take(kStart, kOne, NP_MAIL_ASK), 0U);
  EXPECT_EQ(passed(2, kStart, 0), 1);
}

TEST_F(MailBudget, ChargesAnywayWhatIsOnlyObserved) {
  limit_.windows[NP_MAIL_HOUR] = messages(1);
  EXPECT_EQ(take(kStart, kOne, NP_MAIL_CHARGE_ANYWAY), 0U);
  EXPECT_NE(take(kStart, kOne, NP_MAIL_CHARGE_ANYWAY), 0U);
  EXPECT_EQ(sent_in(NP_MAIL_HOUR).messages, 2U);
}

TEST_F(MailBudget, IsFreeAgainAfterTheWindowAndAtMostAThirtiethLater) {
  limit_.windows[NP_MAIL_QUARTER] = messages(1);
  ASSERT_EQ(take(kStart), 0U);
  EXPECT_NE(take(kStart + 15 * kMinute - 1), 0U);
  EXPECT_EQ(take(kStart + 15 * kMinute + 30 * kSecond), 0U);
}

TEST_F(MailBudget, ForgetsAllAfterALongSilence) {
  limit_.windows[NP_MAIL_DAY] = messages(3);
  EXPECT_EQ(passed(5, kStart, kHour), 3);
  EXPECT_EQ(passed(5, kStart + 40 * kDay, 0), 3);
}

TEST_F(MailBudget, ClockThatStepsBackGivesNothingAndBlocksNothing) {
  limit_.windows[NP_MAIL_QUARTER] = messages(2);
  ASSERT_EQ(take(kStart + kHour), 0U);
  EXPECT_EQ(take(kStart), 0U);
  EXPECT_NE(take(kStart), 0U);
  EXPECT_EQ(take(kStart + kHour + 16 * kMinute), 0U);
}

TEST_F(MailBudget, HugeAmountsDoNotWrap) {
  limit_.windows[NP_MAIL_HOUR] = {.messages = 10, .recipients = 10, .bytes = 1ULL << 50};
  EXPECT_NE(take(kStart, {.messages = 0xfffffff0, .recipients = 1, .bytes = 1}), 0U);
  EXPECT_NE(take(kStart, {.messages = 1, .recipients = 0xffffffff, .bytes = 1}), 0U);
  EXPECT_EQ(take(kStart), 0U);
}

TEST_F(MailBudget, GivesBackWhatDidNotGoOutUnlessANewerCellHasCountedIt) {
  limit_.windows[NP_MAIL_QUARTER] = messages(1);
  ASSERT_EQ(take(kStart), 0U);
  np_mail_give_back(&budget_, &kOne, kStart);
  EXPECT_EQ(sent_in(NP_MAIL_DAY).bytes, 0U);
  ASSERT_EQ(take(kStart), 0U);
  take(kStart + 30 * kSecond, kOne, NP_MAIL_ASK);
  np_mail_give_back(&budget_, &kOne, kStart);
  EXPECT_EQ(sent_in(NP_MAIL_QUARTER).messages, 1U);
}

// The truth: a list of what was charged and when. In no stretch of a window's length is more than the limit, and
// nothing is refused that would fit a window longer by one cell.
TEST_F(MailBudget, KeepsEveryStretchWithinTheLimitWhateverTheRhythm) {
  constexpr __u32 kLimit = 20;
  for (unsigned seed = 0; seed < 40; ++seed) {
    budget_ = {};
    limit_.windows[NP_MAIL_QUARTER] = messages(kLimit);
    std::mt19937 random(seed);
    std::deque<__u64> charged;
    __u64 now = kStart;
    for (int i = 0; i < 2000; ++i) {
      now += random() % (seed % 2 == 0 ? 90 : 2000) * kSecond + random() % kSecond;
      const bool passes = take(now) == 0;
      while (!charged.empty() && charged.front() + 15 * kMinute + 30 * kSecond <= now) charged.pop_front();
      const auto within = std::ranges::count_if(charged, [&](__u64 at) { return at + 15 * kMinute > now; });
      if (passes) {
        ASSERT_LT(within, kLimit) << "seed " << seed << " step " << i;
        charged.push_back(now);
      } else {
        ASSERT_GE(charged.size(), kLimit) << "seed " << seed << " step " << i;
      }
    }
  }
}

// The truth: a list of what was charged in which cell. All windows, all quantities, and a count that wraps.
TEST_F(MailBudget, EachWindowHoldsWhatWasChargedInItsNewest31Cells) {
  struct Charged {
    __u64 cell;
    np_mail_amount amount;
  };
  std::mt19937 random(7);
  std::deque<Charged> charged;
  budget_.sent = {.messages = 0xffffff00, .recipients = 0xffff0000, .bytes = ~0ULL - 1000};
  for (auto& marks : budget_.marks) std::ranges::fill(marks, budget_.sent);
  __u64 now = kStart;
  for (int i = 0; i < 4000; ++i) {
    now += random() % (i % 200 == 0 ? 3 * kDay : 10 * kMinute);
    const np_mail_amount amount{
        .messages = 1, .recipients = static_cast<__u32>(random() % 100), .bytes = random() % 100000};
    ASSERT_EQ(take(now, amount), 0U);
    charged.push_back({now / NP_MAIL_CELL_NS, amount});
    while (charged.front().cell + 32ULL * NP_MAIL_DAY_CELLS < charged.back().cell) charged.pop_front();
    for (const auto window : {NP_MAIL_QUARTER, NP_MAIL_HOUR, NP_MAIL_DAY}) {
      const __u64 cells = np_mail_cells_a_step(window);
      np_mail_amount sum{};
      for (const Charged& each : charged)
        if (each.cell / cells + NP_MAIL_CELLS_A_WINDOW >= now / NP_MAIL_CELL_NS / cells)
          np_mail_add(&sum, &each.amount);
      ASSERT_EQ(sent_in(window).messages, sum.messages) << i;
      ASSERT_EQ(sent_in(window).recipients, sum.recipients) << i;
      ASSERT_EQ(sent_in(window).bytes, sum.bytes) << i;
    }
  }
}

}  // namespace
