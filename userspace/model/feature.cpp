// SPDX-License-Identifier: Apache-2.0
#include "model/feature.h"

#include <algorithm>

namespace npanel {
namespace {

constexpr uint32_t kWhole = 100;  // percent

constexpr FeatureInfo kFeatures[] = {
    {.name = "cgroups_isolation",
     .available = true,
     .observable = false,
     .per_account = true,
     .summary = "CPU, memory, I/O and PID limits of accounts; off: usage is counted, limits are max"},
    {.name = "email_rate_limiting",
     .available = true,
     .observable = true,
     .per_account = true,
     .summary = "limits on mail and direct SMTP connections; observe: counted, nothing is refused"},
    {.name = "agent_watchdog",
     .available = true,
     .observable = true,
     .per_account = false,
     .summary = "npanel-watchdog restarts a dead or hanging agent; observe: it only records"},
    {.name = "graceful_reloads",
     .available = true,
     .observable = false,
     .per_account = false,
     .summary = "SIGHUP and npanelctl reload take a new configuration in"},
    {.name = "config_layering",
     .available = true,
     .observable = false,
     .per_account = false,
     .summary = "the API tells where each configured value comes from, and keeps versions to roll back to"},
    {.name = "soak_testing",
     .available = false,
     .observable = false,
     .per_account = false,
     .summary = "long runs under load on a production server"},
    {.name = "package_templates",
     .available = false,
     .observable = false,
     .per_account = false,
     .summary = "hosting packages as versioned sets of limits"},
    {.name = "quota_enforcement",
     .available = false,
     .observable = false,
     .per_account = true,
     .summary = "disk and bandwidth quotas"},
    {.name = "reseller_hierarchy",
     .available = false,
     .observable = false,
     .per_account = false,
     .summary = "resellers whose allowance bounds that of their accounts"},
    {.name = "whmcs_integration",
     .available = false,
     .observable = false,
     .per_account = false,
     .summary = "WHMCS creates, suspends and bills accounts"},
    {.name = "progress_tracking",
     .available = true,
     .observable = false,
     .per_account = false,
     .summary = "long operations are jobs with percent, stage and ETA"},
    {.name = "health_scoring",
     .available = false,
     .observable = false,
     .per_account = true,
     .summary = "a score for each account, with the reason for every point lost"},
    {.name = "audit_logs_v2",
     .available = true,
     .observable = false,
     .per_account = false,
     .summary = "search and export of the audit trail (which is always written)"},
    {.name = "smart_defaults",
     .available = false,
     .observable = false,
     .per_account = false,
     .summary = "limits proposed from what accounts use"},
    {.name = "upgrade_framework",
     .available = false,
     .observable = false,
     .per_account = false,
     .summary = "signed upgrades with canaries and automatic rollback"},
};
static_assert(std::size(kFeatures) == NP_FEATURES);

}  // namespace

std::string_view to_string(FeatureMode mode) {
  switch (mode) {
    case FeatureMode::off:
      return "off";
    case FeatureMode::observe:
      return "observe";
    case FeatureMode::enforce:
      return "enforce";
  }
  return "?";
}

std::optional<FeatureMode> parse_feature_mode(std::string_view text) {
  for (const FeatureMode mode : {FeatureMode::observe, FeatureMode::enforce})
    if (text == to_string(mode)) return mode;
  return std::nullopt;
}

const FeatureInfo& info(Feature feature) {
  return kFeatures[feature];
}

std::optional<Feature> parse_feature(std::string_view name) {
  const auto found =
      std::ranges::find(kFeatures, name, [](const FeatureInfo& known) { return std::string_view(known.name); });
  if (found == std::end(kFeatures)) return std::nullopt;
  return static_cast<Feature>(found - std::begin(kFeatures));
}

Result<FeatureState> apply(Feature feature, FeatureState state, const FeatureChange& change) {
  const FeatureInfo& known = info(feature);
  const std::string name = known.name;
  if (change.enabled.value_or(false) && !known.available)
    return refused("enabled", "must be false: " + name + " is not built in this version");
  if (change.mode == FeatureMode::off)
    return refused("mode", R"(must be "observe" or "enforce"; "enabled" switches off)");
  if (change.mode == FeatureMode::observe && !known.observable)
    return refused("mode", "must be \"enforce\": " + name + " cannot be observed without being in force");
  if (change.rollout && *change.rollout > kWhole) return refused("rollout", "must be a whole number from 0 to 100");
  if (change.rollout && *change.rollout != kWhole && !known.per_account)
    return refused("rollout", "must be 100: " + name + " is of the whole server, not of accounts");
  state.enabled = change.enabled.value_or(state.enabled);
  state.mode = change.mode.value_or(state.mode);
  state.rollout = change.rollout.value_or(state.rollout);
  state.switched_off.clear();
  return state;
}

void Features::set(Feature feature, FeatureState state) {
  const FeatureInfo& known = info(feature);
  const bool on = state.enabled && known.available;
  const FeatureMode mode = known.observable ? state.mode : FeatureMode::enforce;
  kernel_[feature] = {.mode = static_cast<__u32>(on ? mode : FeatureMode::off),
                      .percent = known.per_account ? state.rollout : kWhole};
  states_[feature] = std::move(state);
}

Features Features::from(const FeatureTable& kernel) {
  Features features;
  for (size_t i = 0; i < kernel.size(); ++i)
    features.set(static_cast<Feature>(i),
                 {.enabled = kernel[i].mode != NP_FEATURE_OFF,
                  .mode = kernel[i].mode == NP_FEATURE_OBSERVE ? FeatureMode::observe : FeatureMode::enforce,
                  .rollout = kernel[i].mode == NP_FEATURE_OFF ? kWhole : std::min(kernel[i].percent, kWhole)});
  return features;
}

void Features::forget_account(std::string_view account) {
  for (FeatureState& state : states_)
    if (const auto found = state.overrides.find(account); found != state.overrides.end()) state.overrides.erase(found);
}

void Features::rename_account(std::string_view from, const std::string& to) {
  for (FeatureState& state : states_) {
    state.overrides.erase(to);  // of nobody's who is there
    const auto found = state.overrides.find(from);
    if (found == state.overrides.end()) continue;
    auto moved = state.overrides.extract(found);
    moved.key() = to;
    state.overrides.insert(std::move(moved));
  }
}

np_override Features::override_for(Feature feature, std::string_view account) const {
  const auto& overrides = states_[feature].overrides;
  const auto found = overrides.find(account);
  if (found == overrides.end()) return NP_OVERRIDE_NONE;
  return found->second ? NP_OVERRIDE_ON : NP_OVERRIDE_OFF;
}

FeatureMode Features::mode_for(Feature feature, std::string_view account) const {
  const np_feature_state& state = kernel_[feature];
  if (state.mode == NP_FEATURE_OFF) return FeatureMode::off;
  const __u32 bucket = np_rollout_bucket(account.data(), static_cast<__u32>(account.size()), feature);
  return static_cast<FeatureMode>(np_feature_mode_of(&state, bucket, override_for(feature, account)));
}

}  // namespace npanel
