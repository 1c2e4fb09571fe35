// SPDX-License-Identifier: Apache-2.0
#include "api/rate_limiter.h"

#include <gtest/gtest.h>

namespace npanel {
namespace {

constexpr int64_t kSecond = 1'000'000;
constexpr int64_t kStart = 1000 * kSecond;
constexpr RateRules kRules{.requests_per_second = 2, .burst = 3};

int passed(RateLimiter& limiter, const std::string& client, int tries, int64_t now_us) {
  int count = 0;
  for (int i = 0; i < tries; ++i)
    if (!limiter.take(client, kRules, now_us)) ++count;
  return count;
}

TEST(RateLimiter, PassesTheBurstAndThenTheRate) {
  RateLimiter limiter;
  EXPECT_EQ(passed(limiter, "a", 10, kStart), 3);
  EXPECT_EQ(passed(limiter, "a", 10, kStart + kSecond), 2);
  EXPECT_EQ(passed(limiter, "a", 10, kStart + 100 * kSecond), 3);
}

TEST(RateLimiter, OneClientTakesNothingFromAnother) {
  RateLimiter limiter;
  EXPECT_EQ(passed(limiter, "a", 10, kStart), 3);
  EXPECT_EQ(passed(limiter, "b", 10, kStart), 3);
}

TEST(RateLimiter, WhoWaitsAsLongAsItSaysPasses) {
  for (const RateRules rules : {RateRules{1, 1}, RateRules{2, 3}, RateRules{3, 1}, RateRules{100'000, 100'000}}) {
    RateLimiter limiter;
    std::optional<RateLimiter::Refusal> refusal;
    while (!refusal) refusal = limiter.take("a", rules, kStart);
    EXPECT_FALSE(limiter.take("a", rules, kStart + RateLimiter::kRetryAfterSeconds * kSecond))
        << rules.requests_per_second;
  }
}

TEST(RateLimiter, IsNewsOnceAMinute) {
  RateLimiter limiter;
  passed(limiter, "a", 3, kStart);
  EXPECT_TRUE(limiter.take("a", kRules, kStart)->news);
  EXPECT_FALSE(limiter.take("a", kRules, kStart)->news);
  passed(limiter, "a", 200, kStart + 59 * kSecond);
  EXPECT_FALSE(limiter.take("a", kRules, kStart + 59 * kSecond)->news);
  passed(limiter, "a", 3, kStart + 61 * kSecond);
  EXPECT_TRUE(limiter.take("a", kRules, kStart + 61 * kSecond)->news);
}

TEST(RateLimiter, ForgetsFullBucketsAndKeepsEmptyOnes) {
  RateLimiter limiter;
  for (size_t i = 0; i < RateLimiter::kClientsMost - 1; ++i) limiter.take(std::to_string(i), kRules, kStart);
  const int64_t later = kStart + 10 * kSecond;
  passed(limiter, "hasty", 10, later);
  ASSERT_EQ(limiter.clients(), RateLimiter::kClientsMost);
  limiter.take("new", kRules, later);
  EXPECT_EQ(limiter.clients(), 2u);
  EXPECT_EQ(passed(limiter, "hasty", 10, later), 0);
}

TEST(RateLimiter, HoldsNoMoreClientsThanItMay) {
  RateLimiter limiter;
  for (int i = 0; i < 10'000; ++i) limiter.take(std::to_string(i), kRules, kStart + i);
  EXPECT_EQ(limiter.clients(), RateLimiter::kClientsMost);
}

}  // namespace
}  // namespace npanel
