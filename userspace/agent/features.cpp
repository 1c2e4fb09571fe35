// SPDX-License-Identifier: Apache-2.0
// features.cpp: how does a switch come into force, whoever turned it?
#include <algorithm>
#include <tuple>

#include "agent/agent.h"
#include "api/codec.h"
#include "base/clock.h"
#include "daemon/log.h"

namespace npanel {
namespace {

const Caller kSqlite{.actor = "sqlite", .source = "database", .began_us = 0};

StoredFeature stored(Feature feature, const FeatureState& state) {
  return {.name = info(feature).name,
          .enabled = state.enabled,
          .mode = std::string(to_string(state.mode)),
          .rollout = state.rollout,
          .switched_off = state.switched_off,
          .overrides = state.overrides};
}

// Whatever was written into the table by hand; its own checks see to modes and percentages.
FeatureState state_of(const StoredFeature& row) {
  return {.enabled = row.enabled,
          .mode = parse_feature_mode(row.mode).value_or(FeatureMode::enforce),
          .rollout = std::min(row.rollout, 100U),
          .overrides = row.overrides,
          .switched_off = row.switched_off};
}

Json said(const FeatureState& state) {
  return {{"enabled", state.enabled},
          {"mode", to_string(state.mode)},
          {"rollout", state.rollout},
          {"switched_off", state.switched_off.empty() ? Json(nullptr) : Json(state.switched_off)}};
}

}  // namespace

Result<Features> stored_features(Store& store) {
  Features features;
  for (const StoredFeature& row : NP_TRY(store.features()))
    if (const auto feature = parse_feature(row.name)) features.set(*feature, state_of(row));
  return features;
}

void Agent::take_features_from_kernel() {
  if (!reconciler_.smtp() && reconciler_.may_hold_accounts()) return;  // once it can be asked
  if (reconciler_.smtp()) features_ = Features::from(reconciler_.smtp()->gates());
  features_unknown_ = false;
  std::ignore = reconciler_.set_features(features_.kernel());  // in our words: nobody has changed them
  write_back_features();
}

void Agent::write_back_features() {
  const auto there = stored_features(ledger_.store());
  if (!there) {
    log_error(there.error().text);
    return;
  }
  for (const Feature feature : kAllFeatures) {
    const FeatureState& state = features_.state(feature);
    if (state == there->state(feature)) continue;
    auto saved = ledger_.store().put(stored(feature, state), {});
    for (const auto& [account, on] : state.overrides)
      if (saved) saved = ledger_.store().put_override(info(feature).name, account, on, {});
    if (!saved) ledger_.complain(saved.error());
  }
}

// An administrator's sqlite3 may have changed the table.
void Agent::notice_foreign_changes() {
  const auto changes = ledger_.store().foreign_changes();
  if (!changes || *changes == foreign_changes_) return;
  foreign_changes_ = *changes;
  const auto there = stored_features(ledger_.store());
  if (!there) {
    log_error(there.error().text);
    return;
  }
  Caller caller = kSqlite;
  caller.began_us = steady_us();
  for (const Feature feature : kAllFeatures) {
    const FeatureState before = features_.state(feature);
    const FeatureState& now = there->state(feature);
    if (before == now) continue;
    AuditEntry entry = audit_entry(caller, "feature.change", {}, info(feature).name, said(before), said(now));
    if (now.enabled && !info(feature).available) entry.result = "it stays off: it is not built in this version";
    make_effective(feature, now);
    ledger_.note({.audit = {std::move(entry)}});
  }
}

// The kernel's map first: the very next connect() obeys. Cgroups follow, account by account.
void Agent::make_effective(Feature feature, const FeatureState& state) {
  const FeatureState before = features_.state(feature);
  if (state.enabled && !before.enabled) {
    overhead_.reset(feature);
    apply_shed();
  }
  if (state.enabled != before.enabled) ++toggles_[feature];
  features_.set(feature, state);
  log_info(std::string("feature ") + info(feature).name + ": " + said(state).dump());
  if (const auto set = reconciler_.set_features(features_.kernel()); !set)
    log_error("features in the kernel: " + set.error().text + "; tried again every second");
  if (info(feature).per_account && !accounts_.empty()) apply_to_all(info(feature).name);
}

std::vector<FeatureView> Agent::features() {
  std::vector<FeatureView> views;
  views.reserve(kAllFeatures.size());
  for (const Feature each : kAllFeatures) views.push_back(feature(each));
  return views;
}

FeatureView Agent::feature(Feature feature) {
  const bool per_account = info(feature).per_account;
  const auto on = std::ranges::count_if(
      accounts_, [&](const auto& named) { return features_.mode_for(feature, named.first) != FeatureMode::off; });
  return {.feature = feature,
          .state = features_.state(feature),
          .accounts_on = per_account ? static_cast<size_t>(on) : 0,
          .cost = overhead_.cost(feature),
          .shed = overhead_.shed(feature)};
}

Result<void> Agent::save_feature(const Caller& caller, const char* action, Feature feature, FeatureState state) {
  const FeatureState& before = features_.state(feature);
  if (state == before) return {};
  const Notes notes{.events = {},
                    .audit = {audit_entry(caller, action, {}, info(feature).name, said(before), said(state))}};
  NP_TRY(ledger_.commit(caller, notes,
                        [&](Store& store, const Notes& with) { return store.put(stored(feature, state), with); }));
  make_effective(feature, state);
  return {};
}

Result<FeatureView> Agent::change_feature(const Caller& caller, Feature feature, const FeatureChange& change) {
  FeatureState state = NP_TRY(apply(feature, features_.state(feature), change));
  NP_TRY(save_feature(caller, "feature.change", feature, std::move(state)));
  return this->feature(feature);
}

Result<FeatureView> Agent::override_feature(const Caller& caller, Feature feature, const std::string& account,
                                            std::optional<bool> on) {
  NP_TRY(find_lasting(account));
  if (!info(feature).per_account)
    return refused("account", std::string("has no say here: ") + info(feature).name + " is of the whole server");
  const FeatureState& before = features_.state(feature);
  FeatureState state = before;
  state.overrides.erase(account);
  if (on) state.overrides.emplace(account, *on);
  if (state == before) return this->feature(feature);
  const auto override_in = [&](const FeatureState& whose) {
    const auto found = whose.overrides.find(account);
    return Json{{"enabled", found == whose.overrides.end() ? Json(nullptr) : Json(found->second)}};
  };
  const Notes notes{.events = {},
                    .audit = {audit_entry(caller, "feature.override", account, info(feature).name, override_in(before),
                                          override_in(state))}};
  NP_TRY(ledger_.commit(caller, notes, [&](Store& store, const Notes& with) {
    return store.put_override(info(feature).name, account, on, with);
  }));
  features_.set(feature, std::move(state));
  reconcile(accounts_.at(account));
  return this->feature(feature);
}

void Agent::enforce_overhead() {
  for (const auto& [feature, order] : overhead_.tick(features_)) {
    if (order.what == OverheadOrder::What::switch_off)
      switch_off(feature, order.why);
    else
      shed(feature, order);
  }
}

void Agent::switch_off(Feature feature, const std::string& why) {
  FeatureState state = features_.state(feature);
  state.enabled = false;
  state.switched_off = why;
  log_error(std::string("feature ") + info(feature).name + " switches itself off: " + why);
  ++switched_off_[feature];
  if (const auto saved = save_feature(agent_itself(), "feature.switch_off", feature, state); !saved) {
    ledger_.complain(saved.error());
    make_effective(feature, state);  // what costs too much ends all the same
  }
}

// Limits hold all the time: less is told of what they refuse.
void Agent::shed(Feature feature, const OverheadOrder& order) {
  const bool more = order.what == OverheadOrder::What::shed;
  const std::string name = info(feature).name;
  const Json before{{"shed", more ? order.level - 1 : order.level + 1}};
  const Json after{{"shed", order.level}, {"why", order.why}};
  (more ? log_warning : log_info)("feature " + name +
                                  (more ? " leaves out telemetry, level " : " tells more again, level ") +
                                  std::to_string(order.level) + ": " + order.why + "; limits hold");
  shed_why_[feature] = order.level > 0 ? order.why : "";
  apply_shed();
  Json detail = after;
  detail["feature"] = name;
  ledger_.note(
      {.events = {{.at_ms = now_ms(),
                   .account = {},
                   .kind = more ? "telemetry_shed" : "telemetry_restored",
                   .detail = detail.dump()}},
       .audit = {audit_entry(agent_itself(), more ? "feature.shed" : "feature.restore", {}, name, before, after)}});
}

void Agent::apply_shed() {
  constexpr std::array<uint32_t, kShedMost + 1> kRecords = {NP_SMTP_RECORDS_A_SECOND, NP_SMTP_RECORDS_A_SECOND / 10, 0};
  if (!reconciler_.smtp()) return;
  if (const auto set = reconciler_.smtp()->set_records_a_second(kRecords[overhead_.shed(NP_EMAIL_RATE_LIMITING)]); !set)
    log_error("records of refusals: " + set.error().text + "; carrying on");
}

std::string Agent::shed_complaint(Feature feature) const {
  const unsigned level = overhead_.shed(feature);
  if (level == 0) return {};
  return std::string(info(feature).name) + " costs too much (" + shed_why_[feature] +
         "): telemetry is left out, level " + std::to_string(level) + " of " + std::to_string(kShedMost) +
         "; limits hold";
}

}  // namespace npanel
