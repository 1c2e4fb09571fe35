// SPDX-License-Identifier: Apache-2.0
#include "model/reputation.h"

#include <gtest/gtest.h>

namespace npanel {
namespace {

constexpr int64_t kStart = 1'000'000;
constexpr int64_t kMinuteS = 60;
constexpr int64_t kNowMs = 1'800'000'000'000;
constexpr int64_t kSettled = kStart + 30 * kMinuteS;  // who was put off at the start and has nothing yet counts

Recipient recipient(uint64_t id, Outcome outcome, int64_t at_s = kStart, bool decided = true) {
  return {.at_s = at_s, .id = id, .destination = 1, .verdict = {.outcome = outcome}, .decided = decided};
}

Deliveries deliveries(uint64_t accepted, uint64_t unknown, uint64_t deferred = 0, uint64_t content = 0) {
  Deliveries hour;
  hour[Outcome::accepted] = accepted;
  hour[Outcome::unknown_recipient] = unknown;
  hour[Outcome::deferred_recipient] = deferred;
  hour[Outcome::content] = content;
  return hour;
}

TEST(DeliveryHour, ForgetsWhatIsOlderThanAnHour) {
  DeliveryHour hour;
  hour.add(recipient(1, Outcome::accepted));
  hour.add(recipient(2, Outcome::unknown_recipient, kStart + 30 * kMinuteS));
  EXPECT_EQ(hour.sum(kStart + 59 * kMinuteS).total(), 2U);
  EXPECT_EQ(hour.sum(kStart + 61 * kMinuteS), deliveries(0, 1));
  hour.forget_old(kStart + 600 * kMinuteS);
  EXPECT_TRUE(hour.recipients().empty());
}

TEST(DeliveryHour, ARecipientWhoIsTriedOftenCountsOnce) {
  DeliveryHour hour;
  for (int i = 0; i < 200; ++i) hour.add(recipient(1, Outcome::unknown_recipient, kStart + i));
  EXPECT_EQ(hour.sum(kStart + 200), deliveries(0, 1));
}

TEST(DeliveryHour, ARecipientOfAnHourAgoCountsAnew) {
  DeliveryHour hour;
  hour.add(recipient(1, Outcome::unknown_recipient));
  hour.add(recipient(1, Outcome::unknown_recipient, kStart + 60 * kMinuteS));
  EXPECT_EQ(hour.sum(kStart + 61 * kMinuteS), deliveries(0, 1));
}

TEST(DeliveryHour, AMessagesEndOutweighsItsTries) {
  DeliveryHour hour;
  hour.add(recipient(1, Outcome::deferred_recipient, kStart, false));
  hour.add(recipient(1, Outcome::accepted, kStart + kMinuteS));
  hour.add(recipient(1, Outcome::deferred_recipient, kStart + 2 * kMinuteS, false));
  EXPECT_EQ(hour.sum(kSettled), deliveries(1, 0));
}

TEST(DeliveryHour, ALaterSuccessHidesNoRefusal) {
  DeliveryHour hour;
  hour.add(recipient(1, Outcome::content));
  hour.add(recipient(1, Outcome::accepted));
  hour.add(recipient(2, Outcome::accepted));
  hour.add(recipient(2, Outcome::unknown_recipient));
  EXPECT_EQ(hour.sum(kStart), deliveries(0, 1, 0, 1));
}

TEST(DeliveryHour, WhoIsOnlyGreylistedDoesNotCountUntilThereWasTime) {
  DeliveryHour hour;
  for (uint64_t id = 0; id < 30; ++id) hour.add(recipient(id, Outcome::deferred_recipient, kStart, false));
  EXPECT_EQ(hour.sum(kStart + kMinuteS)[Outcome::deferred_recipient], 30U);
  EXPECT_FALSE(throttle_for(hour.sum(kStart + kMinuteS), {}, kNowMs)) << "a newsletter's first try";
  EXPECT_TRUE(throttle_for(hour.sum(kSettled), {}, kNowMs)) << "half an hour later nobody has taken it";
}

TEST(DeliveryHour, HoldsTheNewestWhateverIsSent) {
  DeliveryHour hour;
  for (uint64_t id = 0; id < 100'000; ++id) hour.add(recipient(id, Outcome::accepted));
  EXPECT_EQ(hour.recipients().size(), DeliveryHour::kRecipientsMost);
  EXPECT_EQ(hour.recipients().back().id, 99'999U);
  hour.add(recipient(7, Outcome::accepted), 64);
  EXPECT_EQ(hour.recipients().size(), 64U);
}

TEST(DeliveryHour, ASecondThrottleNeedsNewEvidence) {
  DeliveryHour hour;
  for (uint64_t id = 0; id < 20; ++id) hour.add(recipient(id, Outcome::unknown_recipient));
  hour.spend();
  EXPECT_TRUE(is_over_bound(ThrottleCause::unknown, hour.sum(kStart), {})) << "the first lasts";
  for (uint64_t id = 0; id < 20; ++id) hour.add(recipient(id, Outcome::unknown_recipient, kStart + 9));
  EXPECT_FALSE(throttle_for(hour.sum(kStart + 9, {}, Counting::fresh), {}, kNowMs)) << "the same recipients";
  for (uint64_t id = 20; id < 40; ++id) hour.add(recipient(id, Outcome::unknown_recipient, kStart + 9));
  EXPECT_TRUE(throttle_for(hour.sum(kStart + 9, {}, Counting::fresh), {}, kNowMs));
}

TEST(DeliveryHour, WhatIsExcusedIsTheServers) {
  DeliveryHour hour;
  hour.add(recipient(1, Outcome::content));
  hour.add(recipient(2, Outcome::unknown_recipient));
  Excuses excuses;
  excuses.excuse(1, Outcome::content);
  EXPECT_EQ(hour.sum(kStart, excuses)[Outcome::server], 1U);
  EXPECT_EQ(hour.sum(kStart, excuses)[Outcome::unknown_recipient], 1U);
  Excuses everywhere;
  everywhere.excuse_everywhere(Outcome::unknown_recipient);
  EXPECT_EQ(hour.sum(kStart, everywhere)[Outcome::unknown_recipient], 0U);
}

TEST(ThrottleFor, ThrottlesAtThePercentageAndNotBelow) {
  const ThrottleRule rule{.unknown_percent = 20, .deferred_percent = 60, .least = 20, .minutes = 90};
  EXPECT_FALSE(throttle_for(deliveries(81, 19), rule, kNowMs));
  const auto throttle = throttle_for(deliveries(80, 20), rule, kNowMs);
  ASSERT_TRUE(throttle);
  EXPECT_EQ(*throttle, (MailThrottle{.cause = ThrottleCause::unknown, .percent = 20, .until_ms = kNowMs + 5'400'000}));
  EXPECT_EQ(reason_text(*throttle), "20 % of the recipients of an hour do not exist");
}

TEST(ThrottleFor, DeferralsHaveAPercentageOfTheirOwn) {
  EXPECT_FALSE(throttle_for(deliveries(41, 0, 59), {}, kNowMs));
  const auto throttle = throttle_for(deliveries(30, 0, 70), {}, kNowMs);
  ASSERT_TRUE(throttle);
  EXPECT_EQ(throttle->cause, ThrottleCause::deferred);
  EXPECT_EQ(throttle->percent, 70U);
}

TEST(ThrottleFor, SpamVerdictsWeighMost) {
  EXPECT_TRUE(throttle_for(deliveries(95, 0, 0, 5), {}, kNowMs));
  EXPECT_FALSE(throttle_for(deliveries(96, 0, 0, 4), {}, kNowMs));
  EXPECT_TRUE(throttle_for(deliveries(0, 0, 0, 5), {}, kNowMs)) << "five are enough";
  EXPECT_FALSE(throttle_for(deliveries(0, 0, 0, 4), {}, kNowMs));
  EXPECT_EQ(throttle_for(deliveries(0, 50, 0, 50), {}, kNowMs)->cause, ThrottleCause::content);
}

TEST(ThrottleFor, AFewRecipientsMeanNothing) {
  EXPECT_FALSE(throttle_for(deliveries(0, 19), {}, kNowMs));
  EXPECT_TRUE(throttle_for(deliveries(0, 20), {}, kNowMs));
  EXPECT_TRUE(throttle_for(deliveries(0, 1024), {.least = 1'000'000}, kNowMs)) << "more are not remembered";
}

TEST(ThrottleFor, APercentageOfZeroNeverThrottles) {
  const ThrottleRule rule{.unknown_percent = 0, .deferred_percent = 0, .content_percent = 0};
  EXPECT_FALSE(throttle_for(deliveries(0, 500, 500, 500), rule, kNowMs));
}

TEST(ThrottleFor, WhatIsNotTheAccountsFaultNeitherThrottlesNorDilutes) {
  for (const Outcome outcome : {Outcome::server, Outcome::local, Outcome::unclear, Outcome::authentication}) {
    Deliveries hour = deliveries(0, 0);
    hour[outcome] = 1000;
    EXPECT_FALSE(throttle_for(hour, {}, kNowMs)) << to_string(outcome);
    hour[Outcome::unknown_recipient] = 20;
    EXPECT_TRUE(throttle_for(hour, {}, kNowMs)) << to_string(outcome);
  }
}

TEST(DnsFault, IsToldAboveAFewAndAFifth) {
  Deliveries hour = deliveries(16, 0);
  hour[Outcome::authentication] = 4;
  EXPECT_FALSE(dns_fault_percent(hour));
  hour[Outcome::authentication] = 5;
  EXPECT_EQ(dns_fault_percent(hour), 23U);
  hour[Outcome::accepted] = 100;
  EXPECT_FALSE(dns_fault_percent(hour));
}

TEST(ThrottleCause, HasOneNameEachWay) {
  for (const ThrottleCause cause : kAllThrottleCauses) {
    EXPECT_EQ(parse_throttle_cause(to_string(cause)), cause);
    EXPECT_FALSE(advice(outcome_of(cause)).empty());
  }
  EXPECT_FALSE(parse_throttle_cause("")) << "what a column without one reads as";
}

}  // namespace
}  // namespace npanel
