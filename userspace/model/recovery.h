// SPDX-License-Identifier: Apache-2.0
// recovery.h: the agent died or hangs: who does what, and when is it enough?
#pragma once

#include <cstdint>
#include <deque>
#include <optional>
#include <string>
#include <string_view>

#include "model/failure.h"
#include "model/feature.h"

namespace npanel {

struct Moment {
  int64_t steady_ms;  // CLOCK_MONOTONIC: deadlines and durations
  int64_t unix_ms;    // what is written down
};

// What systemd says of the agent's unit.
struct UnitState {
  enum class Activity { active, starting, stopping, stopped, failed };
  Activity activity = Activity::stopped;
  uint32_t restarts = 0;   // NRestarts: by systemd itself, since somebody last started the unit
  std::string invocation;  // InvocationID: another one is another start
  std::string death;       // how the last main process ended: "killed by signal 9 (SIGKILL)"
  int64_t died_ms = 0;     // CLOCK_MONOTONIC; 0: none has ended
};

struct RecoveryRules {
  int64_t interval_ms = 2000;  // between two health checks
  int restarts_per_hour = 5;   // beyond it, the agent stays stopped until somebody starts it
};

// What outlives the watchdog: its own restart gives the agent no new budget.
struct RecoveryMemory {
  std::deque<int64_t> restarts_unix_ms;  // those of the last hour
  std::string gave_up_on;                // the invocation; empty: not given up
  uint64_t by_systemd = 0;
  uint64_t by_watchdog = 0;
  // Of the feature agent_watchdog, as the agent said last: it cannot be asked when it matters.
  FeatureMode mode = FeatureMode::off;

  bool operator==(const RecoveryMemory&) const = default;
};

// What the watchdog shall do, in this order.
struct Orders {
  enum class Unit { leave, start, restart, stop };
  struct Failed {
    int64_t died_unix_ms;
    std::string reason;
  };
  struct Closed {
    std::optional<std::string> by;  // "watchdog", "systemd"; nullopt: neither of them, or not recovered
    double seconds;                 // since the first death of this chain
    bool answers;                   // it is recovered
  };
  Unit unit = Unit::leave;
  Unit would = Unit::leave;           // what `unit` would be with enforce; only with observe
  std::optional<Closed> closed = {};  // of the failure before `failed`
  std::optional<Failed> failed = {};
  bool gave_up = false;
  bool check = false;  // send a health check
};

// Pure: told what happened, it says what to do. One recovery at a time: while a start is under way nothing else is
// ordered, so restarts cannot cascade. An administrator's stop is no failure.
//
// Only with the mode enforce does it order anything. With observe and off it records and measures what others do; a
// hang, or a unit that systemd has given up, is then one failure however long it lasts.
class Recovery {
 public:
  enum class Phase { watching, recovering, stopped, gave_up };

  Recovery(RecoveryRules rules, RecoveryMemory memory) : rules_(rules), memory_(std::move(memory)) {}

  // When systemd signals a change, and before each check.
  Orders on_unit(const UnitState& unit, Moment now);
  // The end of a check that was ordered; `why` it counts as none, nullopt when the agent answered.
  Orders on_answer(const std::optional<std::string>& why, Moment now);
  // Some times a second.
  Orders on_time(Moment now);
  // As the agent answered. A start that waits for its back-off is called off by all but enforce.
  void set_mode(FeatureMode mode);

  [[nodiscard]] Phase phase() const { return phase_; }
  [[nodiscard]] const RecoveryMemory& memory() const { return memory_; }
  [[nodiscard]] std::optional<double> last_recovery_seconds() const { return last_recovery_seconds_; }

 private:
  struct Chain {  // deaths without a healthy answer between them
    int64_t died_steady_ms;
    int attempts;  // starts that were ordered by us
    bool ours;     // the last start was ordered by us
  };

  [[nodiscard]] bool enforces() const { return memory_.mode == FeatureMode::enforce; }
  Orders fail(const std::string& reason, int64_t died_ms, int restarts, Orders::Unit cure, Moment now);
  Orders give_up(Orders orders);
  Orders cured(Moment now);
  Orders close_unrecovered(Moment now);
  [[nodiscard]] bool stays_given_up(const UnitState& unit);
  [[nodiscard]] bool restarting(Moment now) const;
  [[nodiscard]] bool has_failed(const UnitState& unit, Moment now) const;
  [[nodiscard]] bool recorded() const;
  [[nodiscard]] bool budget_allows(int restarts, Moment now);

  RecoveryRules rules_;
  RecoveryMemory memory_;
  Phase phase_ = Phase::stopped;
  UnitState unit_;
  std::optional<Chain> chain_;
  std::optional<int64_t> start_at_ms_;  // a start that waits for its back-off
  std::string ordered_on_;              // the invocation that our last order was about …
  int64_t settled_at_ms_ = 0;           // … and until when its failed state may still be seen
  std::string failed_on_;  // the invocation that hung or was given up by systemd; empty: none of this chain
  bool gone_since_gave_up_ = false;
  std::optional<std::string> checked_;  // the invocation that is being checked
  int64_t next_check_ms_ = 0;
  int64_t last_answer_ms_ = 0;
  bool known_ = false;  // unit_ is more than the initial value
  std::optional<double> last_recovery_seconds_;
};

[[nodiscard]] const char* to_string(Recovery::Phase phase);
// "off", "observe" or "enforce".
[[nodiscard]] std::optional<FeatureMode> parse_watchdog_mode(std::string_view text);

// What the watchdog knows at one moment.
struct WatchdogStatus {
  std::string version;
  FeatureMode mode = FeatureMode::off;
  Recovery::Phase phase = Recovery::Phase::stopped;
  bool agent_healthy = false;                          // the last check was answered, and nothing has died since
  std::optional<int64_t> last_check_latency_us = {};   // nullopt: no check has ended
  std::optional<std::string> last_check_failure = {};  // why the last one counts as none
  std::optional<double> last_recovery_seconds = {};    // nullopt: none since the watchdog started
  uint64_t recovered_by_systemd = 0;
  uint64_t recovered_by_watchdog = 0;
  size_t restarts_last_hour = 0;
  int restarts_per_hour = 0;                 // the limit
  std::optional<Failure> last_failure = {};  // since the watchdog started
};

}  // namespace npanel
