// SPDX-License-Identifier: Apache-2.0
// feature_control.h: how does a switch come into force, whoever turned it?
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "api/route.h"
#include "core/audit_entry.h"
#include "core/overhead.h"
#include "model/stats.h"
#include "store/store.h"

namespace npanel {

struct Core;

// The switches as they are stored; what is not there, or not known here, is off.
[[nodiscard]] Result<Features> stored_features(Store& store);

class FeatureControl {
 public:
  // `unknown`: only the kernel knows them.
  FeatureControl(Core& core, bool unknown) : core_(core), unknown_(unknown) {}

  [[nodiscard]] FeatureView view(Feature feature) const;
  [[nodiscard]] std::vector<FeatureView> views() const;
  Result<FeatureView> change(const Caller& caller, Feature feature, const FeatureChange& change);
  // nullopt: the percentage decides again. ENOENT: there is no such account.
  Result<FeatureView> set_override(const Caller& caller, Feature feature, const std::string& account,
                                   std::optional<bool> on);

  // What the database lost and the kernel still knows.
  void take_from_kernel();
  // nullopt: those that the kernel holds.
  [[nodiscard]] std::optional<FeatureTable> known() const;
  // What was said since the backup was made that came back.
  void write_back();
  // Foreign hands in the database and in the kernel's map; what costs too much.
  void every_second();
  // How much of its telemetry each leaves out, once the hooks are there.
  void apply_shed();

  [[nodiscard]] std::vector<FeatureFigures> figures() const;
  void add_problems(std::vector<std::string>& problems) const;

 private:
  Result<void> save(const Caller& caller, const char* action, Feature feature, FeatureState state);
  void make_effective(Feature feature, const FeatureState& state);
  void notice_foreign_changes();
  void enforce_overhead();
  void switch_off(Feature feature, const std::string& why);
  void shed(Feature feature, const OverheadOrder& order);

  Core& core_;
  bool unknown_;
  std::optional<int64_t> foreign_changes_;
  std::array<uint64_t, NP_FEATURES> toggles_{};
  std::array<uint64_t, NP_FEATURES> switched_off_{};
  std::array<std::string, NP_FEATURES> shed_why_{};
};

[[nodiscard]] std::vector<Route> feature_routes(FeatureControl& features);

}  // namespace npanel
