// SPDX-License-Identifier: Apache-2.0
// overhead.h: what does a feature cost, and has it cost more than it may for too long?
#pragma once

#include <array>
#include <cstdint>
#include <deque>
#include <optional>
#include <string>

#include "model/feature.h"

namespace npanel {

// Who makes a feature work is mostly an account: it connects, it sends. One that does so in a loop would have the
// feature switched off that limits it; so what comes above these rates does not count against the limit, and a feature
// is judged by what it costs each time. At 20,000 runs a second 1 % of a core is 0.5 us a run; at 1,000 10 us.
inline constexpr double kRunsASecondMost = 20'000;  // of BPF programs: connect(), close()
inline constexpr double kTasksASecondMost = 1000;   // of the agent: a question of the MTA
// `percent` as it would be at the rate that counts.
[[nodiscard]] double judged_percent(double percent, double a_second, double most_a_second);

// Turns time that is counted up into percent of one core, over the last 60 s.
class CostMeter {
 public:
  // `total_ns`: all the time used so far, in `tasks`. `now_ms`: CLOCK_MONOTONIC. Begins afresh when the total shrinks
  // (it is another counter now) and after a minute without samples; samples nearer than 0.9 s to the last one are left
  // out.
  void add(uint64_t total_ns, uint64_t tasks, int64_t now_ms);
  // nullopt until there are two samples.
  [[nodiscard]] std::optional<double> percent() const;
  [[nodiscard]] double tasks_a_second() const;

 private:
  struct Sample {
    int64_t at_ms;
    uint64_t total_ns;
    uint64_t tasks;
  };
  std::deque<Sample> samples_;  // from the newest that is 60 s old
};

// What one feature may cost. A figure that equals its limit is within it.
struct OverheadLimit {
  double kernel_percent = 1.0;
  double agent_percent = 1.0;
  uint64_t memory_bytes = uint64_t{64} << 20;
  uint32_t seconds = 300;    // how long it may be over one limit or another, without a break
  bool drop_limits = false;  // the administrator's word: limits, too, go when they cost too much

  bool operator==(const OverheadLimit&) const = default;
};

// A feature that costs too much leaves out telemetry, a level more each fifth of the limit's time; what limits
// accounts is no telemetry. Level 1: no evidence of refused processes, a tenth of the records; figures of usage may be
// 10 s old. Level 2: no records, only counters; figures may be a minute old.
inline constexpr unsigned kShedMost = 2;

struct OverheadOrder {
  enum class What { shed, restore, switch_off };
  What what;
  unsigned level;   // what is left out from now on
  std::string why;  // for an administrator

  bool operator==(const OverheadOrder&) const = default;
};

// Says once what must be done about a feature's cost.
//
// Only what limits nobody is switched off, after the whole time: an account that makes its own limits dear would be rid
// of them, and with it everybody else (unless the administrator wants that: drop_limits). What was left out comes back,
// a level each time the cost has been below four fifths of the limit for the limit's time.
class OverheadWatch {
 public:
  explicit OverheadWatch(OverheadLimit limit) : limit_(limit) {}

  // Another limit counts from now on; what was switched off stays so.
  void set(const OverheadLimit& limit);
  // Once a second or so for each feature that is on; `limits`: it holds accounts to something (enforce). `now_ms`:
  // CLOCK_MONOTONIC. More than 10 s without a sample are a break: nobody knows what it cost then.
  [[nodiscard]] std::optional<OverheadOrder> judge(Feature feature, const FeatureCost& cost, bool limits,
                                                   int64_t now_ms);
  // What the feature leaves out, 0 … kShedMost.
  [[nodiscard]] unsigned level(Feature feature) const { return watched_[feature].level; }
  // Somebody enabled the feature again.
  void reset(Feature feature) { watched_[feature] = {}; }

 private:
  struct Watched {
    std::optional<int64_t> over_since_ms = {};
    std::optional<int64_t> step_since_ms = {};   // the same, since the last level
    std::optional<int64_t> below_since_ms = {};  // well below
    int64_t judged_ms = 0;
    unsigned level = 0;
    bool fired = false;
    void forget_times() { over_since_ms = step_since_ms = below_since_ms = std::nullopt; }
  };
  [[nodiscard]] std::optional<OverheadOrder> when_over(Watched& watched, const std::string& over, bool limits,
                                                       int64_t now_ms) const;
  [[nodiscard]] std::optional<OverheadOrder> when_within(Watched& watched, bool well, int64_t now_ms) const;
  OverheadLimit limit_;
  std::array<Watched, NP_FEATURES> watched_;
};

}  // namespace npanel
