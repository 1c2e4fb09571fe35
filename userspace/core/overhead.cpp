// SPDX-License-Identifier: Apache-2.0
#include "core/overhead.h"

#include <ctime>

#include "base/clock.h"
#include "daemon/log.h"

namespace npanel {
namespace {

// What costs something that can be told apart.
constexpr Feature kMeasured[] = {NP_CGROUPS_ISOLATION, NP_EMAIL_RATE_LIMITING};

uint64_t thread_cpu_ns() {
  timespec used{};
  ::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &used);
  return static_cast<uint64_t>(used.tv_sec) * 1'000'000'000 + static_cast<uint64_t>(used.tv_nsec);
}

OverheadLimit limit_of(const Config& config) {
  return {.kernel_percent = config.overhead_kernel_percent,
          .agent_percent = config.overhead_agent_percent,
          .memory_bytes = config.overhead_memory_mb << 20,
          .seconds = static_cast<uint32_t>(config.overhead_seconds),
          .drop_limits = config.overhead_drop_limits};
}

}  // namespace

Overhead::Overhead(const Config& config) : watch_(limit_of(config)) {}

void Overhead::set_limit(const Config& config) {
  watch_.set(limit_of(config));
}

void Overhead::watch(Feature feature, const KernelCost::Objects& objects) {
  if (const auto watched = kernel_.watch(feature, objects); !watched)
    log_warning(std::string("cost of ") + info(feature).name + ": " + watched.error().text);
}

Overhead::Meter::Meter(Overhead& overhead, Feature feature)
    : total_(overhead.spent_[feature]), began_ns_(thread_cpu_ns()) {}

Overhead::Meter::~Meter() {
  total_.ns += thread_cpu_ns() - began_ns_;
  ++total_.tasks;
}

std::vector<std::pair<Feature, OverheadOrder>> Overhead::tick(const Features& features) {
  const int64_t now_ms = steady_ms();
  kernel_.tick(now_ms);
  if (const std::string& reason = kernel_.reason(); complained_ != reason) {
    if (!reason.empty()) log_warning("the cost of BPF programs is not known: " + reason);
    complained_ = reason;
  }
  std::vector<std::pair<Feature, OverheadOrder>> orders;
  for (const Feature feature : kMeasured) {
    agent_[feature].add(spent_[feature].ns, spent_[feature].tasks, now_ms);
    const auto now = cost(feature);
    if (!now || !features.on(feature)) continue;
    const bool limits = features.kernel()[feature].mode == NP_FEATURE_ENFORCE;
    if (auto order = watch_.judge(feature, judged(feature, *now), limits, now_ms))
      orders.emplace_back(feature, std::move(*order));
  }
  return orders;
}

FeatureCost Overhead::judged(Feature feature, FeatureCost cost) const {
  cost.kernel_percent = kernel_.percent(feature, kRunsASecondMost);
  cost.agent_percent = judged_percent(cost.agent_percent, agent_[feature].tasks_a_second(), kTasksASecondMost);
  return cost;
}

std::optional<FeatureCost> Overhead::cost(Feature feature) const {
  const auto agent_percent = agent_[feature].percent();
  if (!agent_percent) return std::nullopt;
  return FeatureCost{.kernel_percent = kernel_.percent(feature),
                     .agent_percent = *agent_percent,
                     .memory_bytes = kernel_.memory_bytes(feature)};
}

}  // namespace npanel
