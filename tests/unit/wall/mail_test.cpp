// SPDX-License-Identifier: Apache-2.0
#include "npanel/mail.h"

#include <gtest/gtest.h>

#include <array>
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
    return np_mail_take(rings_.data(), &limit_, &amount, charge, now_ns);
  }
  // How many of `tries` pass, one every `apart`.
  int passed(int tries, __u64 from, __u64 apart) {
    int count = 0;
    for (int i = 0; i < tries; ++i) count += take(from + static_cast<__u64>(i) * apart) == 0;
    return count;
  }

  std::array<np_mail_ring, NP_MAIL_WINDOWS> rings_{};
  np_mail_limit limit_{.windows = {kNoLimit, kNoLimit, kNoLimit}, .known = 1};
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
  EXPECT_EQ(rings_[NP_MAIL_QUARTER].sum.messages, 0U);
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
  EXPECT_EQ(rings_[NP_MAIL_HOUR].sum.messages, 2U);
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

// The truth: a list of what was charged and when. In no stretch of a window's length is more than the limit, and
// nothing is refused that would fit a window longer by one cell.
TEST_F(MailBudget, KeepsEveryStretchWithinTheLimitWhateverTheRhythm) {
  constexpr __u32 kLimit = 20;
  for (unsigned seed = 0; seed < 40; ++seed) {
    rings_ = {};
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

TEST_F(MailBudget, SumIsAlwaysThatOfTheCells) {
  std::mt19937 random(7);
  __u64 now = kStart;
  for (int i = 0; i < 20000; ++i) {
    now += random() % (i % 500 == 0 ? 3 * kDay : 10 * kMinute);
    take(now, {.messages = 1, .recipients = static_cast<__u32>(random() % 100), .bytes = random() % 100000});
    for (const np_mail_ring& ring : rings_) {
      np_mail_amount sum{};
      for (const np_mail_amount& cell : ring.cells) np_mail_add(&sum, &cell);
      ASSERT_EQ(sum.messages, ring.sum.messages);
      ASSERT_EQ(sum.recipients, ring.sum.recipients);
      ASSERT_EQ(sum.bytes, ring.sum.bytes);
    }
  }
}

}  // namespace
