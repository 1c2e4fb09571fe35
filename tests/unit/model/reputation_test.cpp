// SPDX-License-Identifier: Apache-2.0
#include "model/reputation.h"

#include <gtest/gtest.h>

namespace npanel {
namespace {

constexpr int64_t kStart = 1'000'000;
constexpr int64_t kMinuteS = 60;
constexpr int64_t kNowMs = 1'800'000'000'000;

TEST(DeliveryHour, ForgetsWhatIsOlderThanAnHour) {
  DeliveryHour hour;
  hour.add(Delivery::accepted, kStart);
  hour.add(Delivery::unknown, kStart + 30 * kMinuteS);
  hour.add(Delivery::deferred, kStart + 30 * kMinuteS);
  EXPECT_EQ(hour.sum(kStart + 30 * kMinuteS), (Deliveries{.accepted = 1, .unknown = 1, .deferred = 1}));
  EXPECT_EQ(hour.sum(kStart + 54 * kMinuteS).accepted, 1U);
  EXPECT_EQ(hour.sum(kStart + 61 * kMinuteS), (Deliveries{.accepted = 0, .unknown = 1, .deferred = 1}));
  EXPECT_EQ(hour.sum(kStart + 600 * kMinuteS).total(), 0U);
}

TEST(DeliveryHour, CountsOnAfterADayOfSilence) {
  DeliveryHour hour;
  for (int i = 0; i < 100; ++i) hour.add(Delivery::unknown, kStart);
  hour.add(Delivery::accepted, kStart + 1440 * kMinuteS);
  EXPECT_EQ(hour.sum(kStart + 1440 * kMinuteS), (Deliveries{.accepted = 1, .unknown = 0, .deferred = 0}));
}

TEST(BrakeFor, BrakesAtThePercentageAndNotBelow) {
  const BrakeRule rule{.unknown_percent = 20, .deferred_percent = 60, .least = 20, .minutes = 90};
  EXPECT_FALSE(brake_for({.accepted = 81, .unknown = 19, .deferred = 0}, rule, kNowMs));
  const auto brake = brake_for({.accepted = 80, .unknown = 20, .deferred = 0}, rule, kNowMs);
  ASSERT_TRUE(brake);
  EXPECT_EQ(*brake, (MailBrake{.cause = BrakeCause::unknown, .percent = 20, .until_ms = kNowMs + 5'400'000}));
  EXPECT_EQ(reason_text(*brake), "20 % of the recipients of an hour do not exist");
}

TEST(BrakeFor, DeferralsHaveAPercentageOfTheirOwn) {
  const BrakeRule rule;
  EXPECT_FALSE(brake_for({.accepted = 41, .unknown = 0, .deferred = 59}, rule, kNowMs)) << "greylisting is no fault";
  const auto brake = brake_for({.accepted = 30, .unknown = 0, .deferred = 70}, rule, kNowMs);
  ASSERT_TRUE(brake);
  EXPECT_EQ(brake->cause, BrakeCause::deferred);
  EXPECT_EQ(brake->percent, 70U);
}

TEST(BrakeFor, AFewRecipientsMeanNothing) {
  EXPECT_FALSE(brake_for({.accepted = 0, .unknown = 19, .deferred = 0}, {}, kNowMs));
  EXPECT_TRUE(brake_for({.accepted = 0, .unknown = 20, .deferred = 0}, {}, kNowMs));
}

TEST(BrakeFor, APercentageOfZeroNeverBrakes) {
  const BrakeRule rule{.unknown_percent = 0, .deferred_percent = 0};
  EXPECT_FALSE(brake_for({.accepted = 0, .unknown = 500, .deferred = 500}, rule, kNowMs));
}

TEST(BrakeCause, HasOneNameEachWay) {
  for (const BrakeCause cause : {BrakeCause::unknown, BrakeCause::deferred})
    EXPECT_EQ(parse_brake_cause(to_string(cause)), cause);
  EXPECT_FALSE(parse_brake_cause("")) << "what a column without one reads as";
}

}  // namespace
}  // namespace npanel
