// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include "model/recovery.h"
#include "unit/model/recovery_story.h"

namespace npanel {
namespace {

// Both modes that order nothing.
class Spectator : public testing::TestWithParam<FeatureMode> {};
INSTANTIATE_TEST_SUITE_P(Recovery, Spectator, testing::Values(FeatureMode::off, FeatureMode::observe));

TEST_P(Spectator, RecordsADeadUnitOnceAndLeavesIt) {
  Story story(GetParam());
  story.healthy("a");
  const Orders orders = story.unit(failed("a", story.ms));
  EXPECT_EQ(orders.unit, Unit::leave);
  EXPECT_EQ(orders.failed->reason, "killed by signal 9 (SIGKILL)");
  EXPECT_EQ(orders.would, GetParam() == FeatureMode::observe ? Unit::start : Unit::leave);
  for (int i = 0; i < 100; ++i) {
    story.ms += 2000;
    EXPECT_FALSE(story.unit(failed("a", kStart)).failed);
    EXPECT_EQ(story.time().unit, Unit::leave);
  }
  EXPECT_EQ(story.recovery.phase(), Phase::recovering);
}

TEST_P(Spectator, RecordsAHangOnceAndMeasuresUntilItAnswersAgain) {
  Story story(GetParam());
  story.healthy("a");
  for (int i = 0; i < 20; ++i) {
    story.ms += 3000;
    EXPECT_TRUE(story.time().check) << "it goes on asking";
    const Orders orders = story.answer("no answer within 3000 ms");
    EXPECT_EQ(orders.unit, Unit::leave);
    EXPECT_EQ(orders.failed.has_value(), i == 0);
    EXPECT_EQ(orders.would, i == 0 && GetParam() == FeatureMode::observe ? Unit::restart : Unit::leave);
  }
  story.ms += 3000;
  story.time();
  const Orders orders = story.answer();
  ASSERT_TRUE(orders.closed && orders.closed->answers);
  EXPECT_EQ(orders.closed->by, std::nullopt) << "nobody restarted it";
  EXPECT_DOUBLE_EQ(orders.closed->seconds, 63);
  EXPECT_EQ(story.recovery.memory().by_systemd + story.recovery.memory().by_watchdog, 0U);
  story.ms += 3000;
  story.time();
  EXPECT_TRUE(story.answer("no answer within 3000 ms").failed) << "the next hang is another one";
}

TEST_P(Spectator, RecordsAndMeasuresRestartsBySystemd) {
  Story story(GetParam());
  story.healthy("a");
  UnitState restarting = in(Activity::starting, "a");
  restarting.restarts = 1;
  restarting.death = "killed by signal 11 (SIGSEGV)";
  restarting.died_ms = story.ms;
  const Orders orders = story.unit(restarting);
  EXPECT_EQ(orders.failed->reason, "killed by signal 11 (SIGSEGV)");
  EXPECT_EQ(orders.would, Unit::leave) << "systemd does it";
  story.ms += 400;
  story.unit(running("b", 1));
  EXPECT_TRUE(story.time().check);
  const Orders cured = story.answer();
  EXPECT_EQ(cured.closed->by, "systemd");
  EXPECT_DOUBLE_EQ(cured.closed->seconds, 0.4);
  EXPECT_EQ(story.recovery.memory().by_systemd, 1U);
}

TEST_P(Spectator, SpendsNoBudgetAndNeverGivesUp) {
  Story story(GetParam());
  story.healthy("0");
  for (uint32_t i = 1; i <= 20; ++i) {
    const Orders orders = story.unit(running(std::to_string(i), i));
    EXPECT_TRUE(orders.failed);
    EXPECT_FALSE(orders.gave_up);
    EXPECT_EQ(orders.unit, Unit::leave);
  }
  EXPECT_TRUE(story.recovery.memory().restarts_unix_ms.empty());
  EXPECT_EQ(story.recovery.phase(), Phase::recovering);
}

TEST_P(Spectator, StartBySomebodyElseIsCountedForNobody) {
  Story story(GetParam());
  story.healthy("a");
  story.unit(failed("a", story.ms));
  story.ms += 60'000;
  story.unit(running("b"));
  story.time();
  const Orders orders = story.answer();
  EXPECT_TRUE(orders.closed->answers);
  EXPECT_EQ(orders.closed->by, std::nullopt);
  EXPECT_EQ(story.recovery.phase(), Phase::watching);
}

TEST_P(Spectator, CallsOffAStartThatWaitsForItsBackOff) {
  Story story;
  story.healthy("a");
  story.unit(failed("a", story.ms));
  story.ms += 300;
  story.unit(failed("b", story.ms));
  story.recovery.set_mode(GetParam());
  story.ms += 250;
  EXPECT_EQ(story.time().unit, Unit::leave);
  story.ms += kHour;
  EXPECT_EQ(story.unit(failed("b", kStart)).unit, Unit::leave);
  EXPECT_FALSE(story.unit(failed("b", kStart)).failed) << "it was recorded";
}

TEST_P(Spectator, WhatWasOrderedBeforeIsTheWatchdogsYetAndNothingFollows) {
  Story story;
  story.healthy("a");
  story.ms += 3000;
  story.time();
  EXPECT_EQ(story.answer("no answer within 3000 ms").unit, Unit::restart);
  story.recovery.set_mode(GetParam());
  for (const Activity passing : {Activity::stopping, Activity::failed, Activity::stopped, Activity::starting})
    EXPECT_FALSE(story.unit(in(passing, "a")).failed);
  story.unit(running("b"));
  EXPECT_TRUE(story.time().check);
  Story answered = story;
  EXPECT_EQ(answered.answer().closed->by, "watchdog");
  const Orders orders = story.answer("no answer within 3000 ms");
  EXPECT_TRUE(orders.failed);
  EXPECT_EQ(orders.unit, Unit::leave);
}

TEST(RecoveryMode, WithoutAWordFromTheAgentTheModeIsOff) {
  EXPECT_EQ(RecoveryMemory{}.mode, FeatureMode::off);
}

TEST(RecoveryMode, EnforceActsOnWhatWasOnlyRecorded) {
  Story story(FeatureMode::observe);
  story.healthy("a");
  EXPECT_EQ(story.unit(failed("a", story.ms)).unit, Unit::leave);
  story.recovery.set_mode(FeatureMode::enforce);
  EXPECT_EQ(story.unit(failed("a", kStart)).unit, Unit::start);
}

TEST(RecoveryMode, StartThatWasNotNeededAnyMoreIsNotOrdered) {
  Story story;
  story.healthy("a");
  story.unit(failed("a", story.ms));
  story.ms += 100;
  story.unit(failed("b", story.ms));
  story.unit(running("c"));  // by an administrator, during the back-off
  EXPECT_TRUE(story.time().check);
  story.answer();
  story.ms += 250;
  EXPECT_EQ(story.time().unit, Unit::leave);
}

TEST(RecoveryMode, ModeIsOneOfThreeWords) {
  EXPECT_EQ(parse_watchdog_mode("off"), FeatureMode::off);
  EXPECT_EQ(parse_watchdog_mode("observe"), FeatureMode::observe);
  EXPECT_EQ(parse_watchdog_mode("enforce"), FeatureMode::enforce);
  for (const char* text : {"", "on", "Enforce", "enforce "}) EXPECT_EQ(parse_watchdog_mode(text), std::nullopt) << text;
}

}  // namespace
}  // namespace npanel
