// SPDX-License-Identifier: Apache-2.0
// recovery_story.h: what happens to an agent, told step by step.
#pragma once

#include <gtest/gtest.h>

#include <optional>
#include <string>

#include "model/recovery.h"

namespace npanel {

using Activity = UnitState::Activity;
using Phase = Recovery::Phase;
using Unit = Orders::Unit;

constexpr int64_t kStart = 1'000'000;
constexpr int64_t kUnixOffset = 1'700'000'000'000;
constexpr int64_t kHour = 3'600'000;

inline UnitState running(const std::string& invocation, uint32_t restarts = 0) {
  return {.activity = Activity::active, .restarts = restarts, .invocation = invocation, .death = "", .died_ms = 0};
}

inline UnitState failed(const std::string& invocation, int64_t died_ms, uint32_t restarts = 0) {
  return {.activity = Activity::failed,
          .restarts = restarts,
          .invocation = invocation,
          .death = "killed by signal 9 (SIGKILL)",
          .died_ms = died_ms};
}

inline UnitState in(Activity activity, const std::string& invocation) {
  return {.activity = activity, .restarts = 0, .invocation = invocation, .death = "", .died_ms = 0};
}

inline RecoveryMemory with_mode(FeatureMode mode) {
  RecoveryMemory memory;
  memory.mode = mode;
  return memory;
}

// A recovery, a clock, and the words for what happens.
struct Story {
  explicit Story(FeatureMode mode) : Story(with_mode(mode)) {}
  explicit Story(RecoveryMemory memory = with_mode(FeatureMode::enforce))
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

}  // namespace npanel
