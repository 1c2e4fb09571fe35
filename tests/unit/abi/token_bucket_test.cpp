// SPDX-License-Identifier: Apache-2.0
#include "npanel/token_bucket.h"

#include <gtest/gtest.h>

namespace {

constexpr __u64 kStart = 1'000 * NP_SECOND_NS;

int take_many(np_bucket& bucket, __u32 per_minute, __u32 burst, __u64 now_ns, int times) {
  int taken = 0;
  for (int i = 0; i < times; ++i) taken += np_bucket_take(&bucket, per_minute, burst, now_ns);
  return taken;
}

TEST(TokenBucket, RefusesFourthWhenBurstIsThree) {
  np_bucket bucket{};
  EXPECT_EQ(take_many(bucket, 60, 3, kStart, 10), 3);
}

TEST(TokenBucket, EarnsOneTokenASecondAtSixtyAMinute) {
  np_bucket bucket{};
  take_many(bucket, 60, 3, kStart, 3);
  EXPECT_EQ(take_many(bucket, 60, 3, kStart + NP_SECOND_NS - 1, 1), 0);
  EXPECT_EQ(take_many(bucket, 60, 3, kStart + NP_SECOND_NS, 2), 1);
}

TEST(TokenBucket, NeverHoldsMoreThanTheBurst) {
  np_bucket bucket{};
  take_many(bucket, 60, 3, kStart, 3);
  EXPECT_EQ(take_many(bucket, 60, 3, kStart + 3'600 * NP_SECOND_NS, 100), 3);
}

TEST(TokenBucket, RefusesEverythingAtRateZero) {
  np_bucket bucket{};
  EXPECT_EQ(take_many(bucket, 0, 0, kStart, 5), 0);
  EXPECT_EQ(take_many(bucket, 0, 0, kStart + 3'600 * NP_SECOND_NS, 5), 0);
}

TEST(TokenBucket, EarnsNothingFromAClockThatStepsBack) {
  np_bucket bucket{};
  take_many(bucket, 60, 3, kStart, 3);
  EXPECT_EQ(take_many(bucket, 60, 3, kStart - 100 * NP_SECOND_NS, 5), 0);
  EXPECT_EQ(take_many(bucket, 60, 3, kStart + NP_SECOND_NS, 5), 1);
}

TEST(TokenBucket, LosesNothingToRoundingOverAMillionSmallSteps) {
  np_bucket bucket{};
  take_many(bucket, 7, 1, kStart, 1);
  int taken = 0;
  constexpr __u64 kStep = 60'013;  // divides nothing
  for (__u64 i = 1; i <= 1'000'000; ++i) taken += np_bucket_take(&bucket, 7, 1, kStart + i * kStep);
  EXPECT_EQ(taken, 7);  // 60.013 s at 7 a minute
}

TEST(TokenBucket, DoesNotOverflowAtTheLargestRateBurstAndIdleTime) {
  np_bucket bucket{};
  constexpr __u32 kRate = NP_BUCKET_PER_MINUTE_MAX;
  constexpr __u32 kBurst = NP_BUCKET_BURST_MAX;
  EXPECT_EQ(take_many(bucket, kRate, kBurst, kStart, 1), 1);
  EXPECT_EQ(np_bucket_take(&bucket, kRate, kBurst, ~0ULL), 1);
  EXPECT_EQ(bucket.credit, (kBurst - 1) * NP_MINUTE_NS);
}

TEST(TokenBucket, FillsTheLargestBurstOfTheSmallestRateInADay) {
  np_bucket bucket{};
  constexpr __u32 kBurst = NP_BUCKET_FILL_MINUTES;
  take_many(bucket, 1, kBurst, kStart, kBurst);
  EXPECT_EQ(take_many(bucket, 1, kBurst, kStart + NP_BUCKET_FILL_MINUTES * NP_MINUTE_NS, 10'000), kBurst);
  EXPECT_LT(NP_BUCKET_FILL_MINUTES * NP_MINUTE_NS, NP_BUCKET_IDLE_MAX_NS);
}

TEST(TokenBucket, ShrinksToASmallerBurstAtOnce) {
  np_bucket bucket{};
  take_many(bucket, 60, 100, kStart, 1);
  EXPECT_EQ(take_many(bucket, 60, 3, kStart, 10), 3);
}

}  // namespace
