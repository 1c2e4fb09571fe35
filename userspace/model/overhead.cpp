// SPDX-License-Identifier: Apache-2.0
#include "model/overhead.h"

#include <cstdio>

namespace npanel {
namespace {

constexpr int64_t kMinuteMs = 60'000;
constexpr int64_t kNearestMs = 900;  // a timer of one second may come early
constexpr int64_t kBreakMs = 10'000;
constexpr double kNsPerMs = 1e6;
constexpr int64_t kSteps = 5;  // of shedding, in the limit's time
constexpr double kWell = 0.8;

std::string percents(const char* whose, double used, double limit) {
  char text[128];
  std::snprintf(text, sizeof(text), "%s CPU %.2f %% of a core, limit %.2f %%", whose, used, limit);
  return text;
}

// One part for each limit that is passed, "; " between them; empty when none is. A figure that is not known passes none
// (nullopt is less than any number).
std::string excess(const FeatureCost& cost, const OverheadLimit& limit) {
  std::string text;
  const auto say = [&text](const std::string& part) { text += (text.empty() ? "" : "; ") + part; };
  if (cost.kernel_percent > limit.kernel_percent) say(percents("kernel", *cost.kernel_percent, limit.kernel_percent));
  if (cost.agent_percent > limit.agent_percent) say(percents("agent", cost.agent_percent, limit.agent_percent));
  if (cost.memory_bytes > limit.memory_bytes)
    say("memory " + std::to_string(*cost.memory_bytes) + " bytes, limit " + std::to_string(limit.memory_bytes));
  return text;
}

// So far below that what was left out may come back.
OverheadLimit well_below(OverheadLimit limit) {
  limit.kernel_percent *= kWell;
  limit.agent_percent *= kWell;
  return limit;
}

}  // namespace

double judged_percent(double percent, double a_second, double most_a_second) {
  return a_second <= most_a_second ? percent : percent * most_a_second / a_second;
}

void CostMeter::add(uint64_t total_ns, uint64_t tasks, int64_t now_ms) {
  if (!samples_.empty()) {
    const Sample& last = samples_.back();
    if (total_ns < last.total_ns || now_ms < last.at_ms || now_ms - last.at_ms > kMinuteMs)
      samples_.clear();
    else if (now_ms - last.at_ms < kNearestMs)
      return;
  }
  samples_.push_back({.at_ms = now_ms, .total_ns = total_ns, .tasks = tasks});
  while (samples_.size() > 1 && now_ms - samples_[1].at_ms >= kMinuteMs) samples_.pop_front();
}

std::optional<double> CostMeter::percent() const {
  if (samples_.size() < 2) return std::nullopt;
  const Sample& from = samples_.front();
  const Sample& until = samples_.back();
  return 100.0 * static_cast<double>(until.total_ns - from.total_ns) /
         (static_cast<double>(until.at_ms - from.at_ms) * kNsPerMs);
}

double CostMeter::tasks_a_second() const {
  if (samples_.size() < 2) return 0;
  const Sample& from = samples_.front();
  const Sample& until = samples_.back();
  return 1000.0 * static_cast<double>(until.tasks - from.tasks) / static_cast<double>(until.at_ms - from.at_ms);
}

void OverheadWatch::set(const OverheadLimit& limit) {
  if (limit == limit_) return;
  limit_ = limit;
  for (Watched& watched : watched_) watched.forget_times();
}

std::optional<OverheadOrder> OverheadWatch::judge(Feature feature, const FeatureCost& cost, bool limits,
                                                  int64_t now_ms) {
  Watched& watched = watched_[feature];
  if (now_ms < watched.judged_ms || now_ms - watched.judged_ms > kBreakMs) watched.forget_times();
  watched.judged_ms = now_ms;
  if (watched.fired) return std::nullopt;
  if (const std::string over = excess(cost, limit_); !over.empty()) return when_over(watched, over, limits, now_ms);
  return when_within(watched, excess(cost, well_below(limit_)).empty(), now_ms);
}

std::optional<OverheadOrder> OverheadWatch::when_over(Watched& watched, const std::string& over, bool limits,
                                                      int64_t now_ms) const {
  using enum OverheadOrder::What;
  const int64_t whole_ms = int64_t{limit_.seconds} * 1000;
  watched.below_since_ms.reset();
  if (!watched.over_since_ms) watched.over_since_ms = watched.step_since_ms = now_ms;
  if (now_ms - *watched.over_since_ms >= whole_ms && (!limits || limit_.drop_limits)) {
    watched.fired = true;
    return OverheadOrder{.what = switch_off,
                         .level = watched.level,
                         .why = "over its overhead limit for " + std::to_string(limit_.seconds) + " s: " + over};
  }
  if (watched.level >= kShedMost || now_ms - *watched.step_since_ms < whole_ms / kSteps) return std::nullopt;
  watched.step_since_ms = now_ms;
  return OverheadOrder{.what = shed, .level = ++watched.level, .why = over};
}

std::optional<OverheadOrder> OverheadWatch::when_within(Watched& watched, bool well, int64_t now_ms) const {
  watched.over_since_ms.reset();
  if (!well || watched.level == 0) {
    watched.below_since_ms.reset();
    return std::nullopt;
  }
  if (!watched.below_since_ms) watched.below_since_ms = now_ms;
  if (now_ms - *watched.below_since_ms < int64_t{limit_.seconds} * 1000) return std::nullopt;
  watched.below_since_ms = now_ms;
  return OverheadOrder{.what = OverheadOrder::What::restore,
                       .level = --watched.level,
                       .why = "well below its overhead limit for " + std::to_string(limit_.seconds) + " s"};
}

}  // namespace npanel
