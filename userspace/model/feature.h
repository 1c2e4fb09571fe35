// SPDX-License-Identifier: Apache-2.0
// feature.h: which capabilities can be switched, and for whom are they on?
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"
#include "npanel/feature.h"

namespace npanel {

using Feature = np_feature;

enum class FeatureMode : uint32_t { off = NP_FEATURE_OFF, observe = NP_FEATURE_OBSERVE, enforce = NP_FEATURE_ENFORCE };
[[nodiscard]] std::string_view to_string(FeatureMode mode);
[[nodiscard]] std::optional<FeatureMode> parse_feature_mode(std::string_view text);  // observe, enforce

struct FeatureInfo {
  const char* name;
  bool available;    // built; what is not refuses to be enabled
  bool observable;   // has a mode that looks and changes nothing
  bool per_account;  // a percentage and overrides mean something; else the whole server switches
  const char* summary;
};
inline constexpr auto kAllFeatures = [] {
  std::array<Feature, NP_FEATURES> all{};
  for (uint32_t i = 0; i < NP_FEATURES; ++i) all[i] = static_cast<Feature>(i);
  return all;
}();

// Index: enum np_feature.
[[nodiscard]] const FeatureInfo& info(Feature feature);
[[nodiscard]] std::optional<Feature> parse_feature(std::string_view name);

// What the administrator said about one feature.
struct FeatureState {
  bool enabled = false;
  FeatureMode mode = FeatureMode::enforce;                  // when enabled: observe or enforce
  uint32_t rollout = 100;                                   // percent of the accounts, 0 … 100
  std::map<std::string, bool, std::less<>> overrides = {};  // by account, whatever the percentage says
  // Why the agent switched it off by itself (its cost); empty otherwise. An administrator's change clears it.
  std::string switched_off = {};

  bool operator==(const FeatureState&) const = default;
};

// What a request may change; the rest stays.
struct FeatureChange {
  std::optional<bool> enabled = {};
  std::optional<FeatureMode> mode = {};
  std::optional<uint32_t> rollout = {};
};
// Field "enabled" (not available), "mode" (not observable) or "rollout" (over 100; not per account).
[[nodiscard]] Result<FeatureState> apply(Feature feature, FeatureState state, const FeatureChange& change);

// As the kernel's map has them. Index: enum np_feature.
using FeatureTable = std::array<np_feature_state, NP_FEATURES>;

// All of them, as the administrator said. Asking is a few nanoseconds: nothing is looked up by text but an account's
// override. A feature that is not available is off, whatever was stored.
class Features {
 public:
  [[nodiscard]] const FeatureState& state(Feature feature) const { return states_[feature]; }
  void set(Feature feature, FeatureState state);
  // What can be told from the kernel's map when the database is lost.
  [[nodiscard]] static Features from(const FeatureTable& kernel);
  void forget_account(std::string_view account);
  void rename_account(std::string_view from, const std::string& to);

  // Of the whole server.
  [[nodiscard]] bool on(Feature feature) const { return kernel_[feature].mode != NP_FEATURE_OFF; }
  [[nodiscard]] FeatureMode mode_for(Feature feature, std::string_view account) const;
  [[nodiscard]] np_override override_for(Feature feature, std::string_view account) const;
  [[nodiscard]] const FeatureTable& kernel() const { return kernel_; }

  bool operator==(const Features& other) const { return states_ == other.states_; }

 private:
  std::array<FeatureState, NP_FEATURES> states_;
  FeatureTable kernel_{};
};

// What a feature costs this server, over the last minute.
struct FeatureCost {
  std::optional<double> kernel_percent = {};  // BPF run time, % of one core; nullopt: the kernel does not tell
  double agent_percent = 0;                   // of the agent's own CPU time, % of one core
  std::optional<uint64_t> memory_bytes = {};  // of its BPF maps and programs; nullopt: the kernel does not tell
};

struct FeatureView {
  Feature feature;
  FeatureState state;
  size_t accounts_on = 0;  // for how many accounts it is on now
  std::optional<FeatureCost> cost = {};
  unsigned shed = 0;  // how much telemetry it leaves out because of its cost (model/overhead)
};

}  // namespace npanel
