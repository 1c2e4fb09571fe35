// SPDX-License-Identifier: Apache-2.0
#include "model/recovery.h"

#include <gtest/gtest.h>

#include "unit/model/recovery_story.h"

namespace npanel {
namespace {

TEST(Recovery, ChecksAnActiveAgentEveryInterval) {
  Story story;
  story.healthy("a");
  story.ms += 2999;
  EXPECT_FALSE(story.time().check);
  story.ms += 1;
  EXPECT_TRUE(story.time().check);
  EXPECT_FALSE(story.time().check) << "one at a time";
}

TEST(Recovery, StartsAFailedUnitAtOnceAndSaysWhenAndWhyItDied) {
  Story story;
  story.healthy("a");
  story.ms += 1000;
  const Orders orders = story.unit(failed("a", story.ms - 20));
  EXPECT_EQ(orders.unit, Unit::start);
  ASSERT_TRUE(orders.failed);
  EXPECT_EQ(orders.failed->reason, "killed by signal 9 (SIGKILL)");
  EXPECT_EQ(orders.failed->died_unix_ms, story.ms - 20 + kUnixOffset);
  EXPECT_EQ(story.recovery.phase(), Phase::recovering);
}

TEST(Recovery, MeasuresFromTheDeathUntilTheFirstAnswer) {
  Story story;
  story.healthy("a");
  story.unit(failed("a", story.ms));
  story.ms += 700;
  story.unit(running("b"));
  EXPECT_TRUE(story.time().check) << "at once, not after an interval";
  story.ms += 100;
  const Orders orders = story.answer();
  ASSERT_TRUE(orders.closed);
  EXPECT_EQ(orders.closed->by, "watchdog");
  EXPECT_DOUBLE_EQ(orders.closed->seconds, 0.8);
  EXPECT_EQ(story.recovery.memory().by_watchdog, 1U);
  EXPECT_EQ(story.recovery.phase(), Phase::watching);
}

TEST(Recovery, LeavesARestartBySystemdAloneAndCountsIt) {
  Story story;
  story.healthy("a");
  UnitState restarting = in(Activity::starting, "a");
  restarting.restarts = 1;
  restarting.death = "killed by signal 11 (SIGSEGV)";
  restarting.died_ms = story.ms;
  const Orders orders = story.unit(restarting);
  EXPECT_EQ(orders.unit, Unit::leave);
  EXPECT_EQ(orders.failed->reason, "killed by signal 11 (SIGSEGV)");
  story.ms += 400;
  story.unit(running("b", 1));
  story.time();
  EXPECT_EQ(story.answer().closed->by, "systemd");
  EXPECT_EQ(story.recovery.memory().by_systemd, 1U);
}

TEST(Recovery, RestartsAnAgentThatDoesNotAnswer) {
  Story story;
  story.healthy("a");
  const int64_t last_sign_of_life = story.ms;
  story.ms += 3000;
  EXPECT_TRUE(story.time().check);
  story.ms += 3000;
  const Orders orders = story.answer("no answer within 3000 ms");
  EXPECT_EQ(orders.unit, Unit::restart);
  EXPECT_EQ(orders.failed->died_unix_ms, last_sign_of_life + kUnixOffset);
}

TEST(Recovery, RestartItOrderedIsNoSecondFailure) {
  Story story;
  story.healthy("a");
  story.ms += 3000;
  story.time();
  story.answer("no answer within 3000 ms");
  for (const Activity passing : {Activity::stopping, Activity::failed, Activity::stopped, Activity::starting}) {
    story.ms += 1500;  // a host under load
    const Orders orders = story.unit(in(passing, "a"));
    EXPECT_EQ(orders.unit, Unit::leave);
    EXPECT_FALSE(orders.failed);
    EXPECT_EQ(story.recovery.phase(), Phase::recovering);
  }
  story.unit(running("b"));
  story.time();
  EXPECT_EQ(story.answer().closed->by, "watchdog");
  EXPECT_EQ(story.recovery.memory().restarts_unix_ms.size(), 1U);
}

TEST(Recovery, StartThatCameToNothingIsOrderedAgain) {
  Story story;
  story.healthy("a");
  EXPECT_EQ(story.unit(failed("a", story.ms)).unit, Unit::start);
  story.ms += 9000;
  EXPECT_EQ(story.unit(failed("a", kStart)).unit, Unit::leave);
  story.ms += 1000;
  EXPECT_TRUE(story.unit(failed("a", kStart)).failed);
  story.ms += 250;
  EXPECT_EQ(story.time().unit, Unit::start);
}

TEST(Recovery, AdministratorsStopIsNoFailure) {
  Story story;
  story.healthy("a");
  story.ms += 3000;
  EXPECT_TRUE(story.time().check);
  story.unit(in(Activity::stopping, "a"));
  EXPECT_FALSE(story.answer("the agent closed the connection").failed) << "a check that was under way";
  story.unit(in(Activity::stopped, "a"));
  EXPECT_EQ(story.recovery.phase(), Phase::stopped);
  story.ms += 10 * kHour;
  EXPECT_FALSE(story.time().check);
  EXPECT_EQ(story.time().unit, Unit::leave);
}

TEST(Recovery, AdministratorsRestartIsNoFailure) {
  Story story;
  story.healthy("a");
  story.ms += 3000;
  EXPECT_TRUE(story.time().check);
  story.unit(in(Activity::stopping, "a"));
  story.unit(running("b"));
  EXPECT_FALSE(story.answer("no answer within 3000 ms").failed) << "that was the one before";
  EXPECT_TRUE(story.time().check);
  EXPECT_TRUE(story.recovery.memory().restarts_unix_ms.empty());
}

TEST(Recovery, BacksOffUpToTwoSecondsWhenStartsFail) {
  Story story;
  story.recovery = Recovery({.interval_ms = 3000, .restarts_per_hour = 100}, with_mode(FeatureMode::enforce));
  story.healthy("a");
  EXPECT_EQ(story.unit(failed("a", story.ms)).unit, Unit::start);
  std::string invocation = "a";
  for (const int64_t wait : {250, 500, 1000, 2000, 2000}) {
    story.ms += 100;
    const Orders again = story.unit(failed(invocation += "a", story.ms));
    EXPECT_EQ(again.unit, Unit::leave);
    EXPECT_TRUE(again.failed && again.closed && !again.closed->by) << "each death is written down";
    story.ms += wait - 1;
    EXPECT_EQ(story.time().unit, Unit::leave);
    story.ms += 1;
    EXPECT_EQ(story.time().unit, Unit::start) << wait;
  }
}

TEST(Recovery, GivesUpAtTheSixthFailureWithinAnHour) {
  Story story;
  story.healthy("0");
  for (int i = 0; i < 5; ++i) {
    story.die_and_recover(std::to_string(i), std::to_string(i + 1));
    story.ms += 60'000;
  }
  const Orders orders = story.unit(failed("5", story.ms));
  EXPECT_TRUE(orders.gave_up);
  EXPECT_EQ(orders.unit, Unit::stop);
  EXPECT_EQ(story.recovery.phase(), Phase::gave_up);
  story.ms += 10 * kHour;
  EXPECT_EQ(story.unit(failed("5", kStart)).unit, Unit::leave);
  EXPECT_EQ(story.time().unit, Unit::leave);
}

TEST(Recovery, StopsACrashLoopThatSystemdKeepsGoing) {
  Story story;
  story.healthy("a");
  UnitState looping = in(Activity::starting, "a");
  for (uint32_t restarts : {1U, 2U, 4U, 5U}) {
    looping.restarts = restarts;
    EXPECT_EQ(story.unit(looping).unit, Unit::leave) << restarts;
  }
  looping.restarts = 6;
  EXPECT_EQ(story.unit(looping).unit, Unit::stop);
}

TEST(Recovery, OldRestartsAreForgivenAfterAnHour) {
  Story story;
  story.healthy("0");
  for (int i = 0; i < 20; ++i) {
    story.die_and_recover(std::to_string(i), std::to_string(i + 1));
    story.ms += kHour / 5;
  }
  EXPECT_EQ(story.recovery.phase(), Phase::watching);
}

TEST(Recovery, StartByAnAdministratorEndsGivingUp) {
  Story story;
  story.healthy("0");
  for (int i = 0; i < 5; ++i) story.die_and_recover(std::to_string(i), std::to_string(i + 1));
  story.unit(failed("5", story.ms));
  // The start that systemd had begun before our stop reached it.
  story.unit(running("6"));
  EXPECT_EQ(story.recovery.phase(), Phase::gave_up);
  story.unit(in(Activity::stopped, "6"));
  story.unit(running("7"));
  EXPECT_EQ(story.recovery.phase(), Phase::watching);
  EXPECT_TRUE(story.recovery.memory().restarts_unix_ms.empty());
  EXPECT_TRUE(story.recovery.memory().gave_up_on.empty());
}

TEST(Recovery, RestartedWatchdogHasNoNewBudgetAndStaysGivenUp) {
  Story before;
  before.healthy("0");
  for (int i = 0; i < 5; ++i) before.die_and_recover(std::to_string(i), std::to_string(i + 1));

  Story spent(before.recovery.memory());
  spent.ms = before.ms;
  spent.healthy("5");
  EXPECT_TRUE(spent.unit(failed("5", spent.ms)).gave_up);

  Story gave_up(spent.recovery.memory());
  EXPECT_EQ(gave_up.unit(failed("5", kStart)).unit, Unit::leave);
  EXPECT_EQ(gave_up.recovery.phase(), Phase::gave_up);
}

TEST(Recovery, WatchdogThatFindsAFailedUnitStartsIt) {
  Story story;
  EXPECT_EQ(story.unit(failed("a", kStart - 5000)).unit, Unit::start);
}

TEST(Recovery, WatchdogThatFindsOldRestartsCountsNone) {
  Story story;
  EXPECT_FALSE(story.unit(running("a", 7)).failed);
  EXPECT_TRUE(story.recovery.memory().restarts_unix_ms.empty());
}

TEST(Recovery, ClockThatWasSetBackKeepsNoRestartForEver) {
  Story story;
  story.healthy("0");
  for (int i = 0; i < 5; ++i) story.die_and_recover(std::to_string(i), std::to_string(i + 1));
  RecoveryMemory memory = story.recovery.memory();
  for (int64_t& at : memory.restarts_unix_ms) at += 24 * kHour;
  Story set_back(memory);
  set_back.healthy("5");
  EXPECT_EQ(set_back.unit(failed("5", set_back.ms)).unit, Unit::start);
}

TEST(Recovery, UnansweredCheckOfAStartedAgentRestartsItAgain) {
  Story story;
  story.healthy("a");
  story.unit(failed("a", story.ms));
  story.unit(running("b"));
  story.time();
  story.ms += 3000;
  const Orders orders = story.answer("no answer within 3000 ms");
  EXPECT_EQ(orders.unit, Unit::restart);
  EXPECT_EQ(story.recovery.memory().restarts_unix_ms.size(), 2U);
}

}  // namespace
}  // namespace npanel
