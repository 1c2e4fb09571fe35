// SPDX-License-Identifier: Apache-2.0
#include "model/recovery.h"

#include <gtest/gtest.h>

namespace npanel {
namespace {

using Activity = UnitState::Activity;
using Phase = Recovery::Phase;
using Unit = Orders::Unit;

constexpr int64_t kStart = 1'000'000;
constexpr int64_t kUnixOffset = 1'700'000'000'000;
constexpr int64_t kHour = 3'600'000;

UnitState running(const std::string& invocation, uint32_t restarts = 0) {
  return {.activity = Activity::active, .restarts = restarts, .invocation = invocation, .death = "", .died_ms = 0};
}

UnitState failed(const std::string& invocation, int64_t died_ms, uint32_t restarts = 0) {
  return {.activity = Activity::failed,
          .restarts = restarts,
          .invocation = invocation,
          .death = "killed by signal 9 (SIGKILL)",
          .died_ms = died_ms};
}

UnitState in(Activity activity, const std::string& invocation) {
  return {.activity = activity, .restarts = 0, .invocation = invocation, .death = "", .died_ms = 0};
}

RecoveryMemory with_mode(GateMode mode) {
  RecoveryMemory memory;
  memory.mode = mode;
  return memory;
}

// A recovery, a clock, and the words for what happens.
struct Story {
  explicit Story(GateMode mode) : Story(with_mode(mode)) {}
  explicit Story(RecoveryMemory memory = with_mode(GateMode::enforce))
      : recovery({.interval_ms = 3000, .restarts_per_hour = 5}, memory) {}

  [[nodiscard]] Moment now() const { return {.steady_ms = ms, .unix_ms = ms + kUnixOffset}; }
  Orders unit(const UnitState& state) { return recovery.on_unit(state, now()); }
  Orders answer(std::optional<std::string> why = std::nullopt) { return recovery.on_answer(why, now()); }
  Orders time() { return recovery.on_time(now()); }
  // The agent runs and has answered its first check.
  void healthy(const std::string& invocation, uint32_t restarts = 0) {
    unit(running(invocation, restarts));
    EXPECT_TRUE(time().check);
    answer();
    EXPECT_EQ(recovery.phase(), Phase::watching);
  }
  // One death by kill -9, found by systemd's signal, and a start by us.
  void die_and_recover(const std::string& from, const std::string& to) {
    EXPECT_EQ(unit(failed(from, ms)).unit, Unit::start);
    ms += 300;
    unit(running(to));
    EXPECT_TRUE(time().check);
    EXPECT_EQ(answer().closed->by, "watchdog");
  }

  Recovery recovery;
  int64_t ms = kStart;
};

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
  story.recovery = Recovery({.interval_ms = 3000, .restarts_per_hour = 100}, with_mode(GateMode::enforce));
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

// Both modes that order nothing.
class Spectator : public testing::TestWithParam<GateMode> {};
INSTANTIATE_TEST_SUITE_P(Recovery, Spectator, testing::Values(GateMode::off, GateMode::observe));

TEST_P(Spectator, RecordsADeadUnitOnceAndLeavesIt) {
  Story story(GetParam());
  story.healthy("a");
  const Orders orders = story.unit(failed("a", story.ms));
  EXPECT_EQ(orders.unit, Unit::leave);
  EXPECT_EQ(orders.failed->reason, "killed by signal 9 (SIGKILL)");
  EXPECT_EQ(orders.would, GetParam() == GateMode::observe ? Unit::start : Unit::leave);
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
    EXPECT_EQ(orders.would, i == 0 && GetParam() == GateMode::observe ? Unit::restart : Unit::leave);
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

TEST(Recovery, WithoutAWordFromTheAgentTheModeIsOff) {
  EXPECT_EQ(RecoveryMemory{}.mode, GateMode::off);
}

TEST(Recovery, EnforceActsOnWhatWasOnlyRecorded) {
  Story story(GateMode::observe);
  story.healthy("a");
  EXPECT_EQ(story.unit(failed("a", story.ms)).unit, Unit::leave);
  story.recovery.set_mode(GateMode::enforce);
  EXPECT_EQ(story.unit(failed("a", kStart)).unit, Unit::start);
}

TEST(Recovery, StartThatWasNotNeededAnyMoreIsNotOrdered) {
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

TEST(Recovery, ModeIsOneOfThreeWords) {
  EXPECT_EQ(parse_watchdog_mode("off"), GateMode::off);
  EXPECT_EQ(parse_watchdog_mode("observe"), GateMode::observe);
  EXPECT_EQ(parse_watchdog_mode("enforce"), GateMode::enforce);
  for (const char* text : {"", "on", "Enforce", "enforce "}) EXPECT_EQ(parse_watchdog_mode(text), std::nullopt) << text;
}

}  // namespace
}  // namespace npanel
