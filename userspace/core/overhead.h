// SPDX-License-Identifier: Apache-2.0
// overhead.h: what does each feature cost here, and which has cost too much for too long?
#pragma once

#include <array>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "daemon/config.h"
#include "kernel/cost.h"
#include "model/feature.h"
#include "model/overhead.h"

namespace npanel {

class Overhead {
 public:
  explicit Overhead(const Config& config);
  void set_limit(const Config& config);

  // What the feature has in the kernel from now on.
  void watch(Feature feature, const KernelCost::Objects& objects);

  struct Spent {
    uint64_t ns = 0;
    uint64_t tasks = 0;
  };
  // CPU time of this thread between here and the end of the scope is the feature's: one task.
  class Meter {
   public:
    Meter(Overhead& overhead, Feature feature);
    ~Meter();
    Meter(const Meter&) = delete;
    Meter& operator=(const Meter&) = delete;

   private:
    Spent& total_;
    uint64_t began_ns_;
  };

  // Once a second: what must be done about what costs too much, or does so no longer.
  [[nodiscard]] std::vector<std::pair<Feature, OverheadOrder>> tick(const Features& features);
  // What the feature leaves out because of its cost, 0 … kShedMost.
  [[nodiscard]] unsigned shed(Feature feature) const { return watch_.level(feature); }
  // nullopt: not measured (yet).
  [[nodiscard]] std::optional<FeatureCost> cost(Feature feature) const;
  // Somebody enabled it again.
  void reset(Feature feature) { watch_.reset(feature); }

 private:
  KernelCost kernel_;
  OverheadWatch watch_;
  [[nodiscard]] FeatureCost judged(Feature feature, FeatureCost cost) const;

  std::array<Spent, NP_FEATURES> spent_{};
  std::array<CostMeter, NP_FEATURES> agent_;
  std::string complained_;
};

}  // namespace npanel
