// SPDX-License-Identifier: Apache-2.0
#include "core/feature_control.h"

#include <algorithm>
#include <tuple>

#include "base/clock.h"
#include "core/core.h"
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

void FeatureControl::take_from_kernel() {
  if (!unknown_) return;
  if (!core_.reconciler.smtp() && core_.reconciler.may_hold_accounts()) return;  // once it can be asked
  if (core_.reconciler.smtp()) core_.features = Features::from(core_.reconciler.smtp()->features.table());
  unknown_ = false;
  std::ignore = core_.reconciler.set_features(core_.features.kernel());  // in our words: nobody has changed them
  write_back();
}

void FeatureControl::write_back() {
  const auto there = stored_features(core_.ledger.store());
  if (!there) {
    log_error(there.error().text);
    return;
  }
  for (const Feature feature : kAllFeatures) {
    const FeatureState& state = core_.features.state(feature);
    if (state == there->state(feature)) continue;
    auto saved = core_.ledger.store().put(stored(feature, state), {});
    for (const auto& [account, on] : state.overrides)
      if (saved) saved = core_.ledger.store().put_override(info(feature).name, account, on, {});
    if (!saved) core_.ledger.complain(saved.error());
  }
}

// An administrator's sqlite3 may have changed the table.
void FeatureControl::notice_foreign_changes() {
  const auto changes = core_.ledger.store().foreign_changes();
  if (!changes || std::exchange(foreign_changes_, *changes) == *changes) return;
  const auto there = stored_features(core_.ledger.store());
  if (!there) {
    log_error(there.error().text);
    return;
  }
  Caller caller = kSqlite;
  caller.began_us = steady_us();
  for (const Feature feature : kAllFeatures) {
    const FeatureState before = core_.features.state(feature);
    const FeatureState& now = there->state(feature);
    if (before == now) continue;
    AuditEntry entry = audit_entry(caller, "feature.change", {}, info(feature).name, said(before), said(now));
    if (now.enabled && !info(feature).available) entry.result = "it stays off: it is not built in this version";
    make_effective(feature, now);
    core_.ledger.note({.audit = {std::move(entry)}});
  }
}

// The kernel's map first: the very next connect() obeys. Cgroups follow, account by account.
void FeatureControl::make_effective(Feature feature, const FeatureState& state) {
  const FeatureState before = core_.features.state(feature);
  if (state.enabled && !before.enabled) {
    core_.overhead.reset(feature);
    apply_shed();
  }
  if (state.enabled != before.enabled) ++toggles_[feature];
  core_.features.set(feature, state);
  log_info(std::string("feature ") + info(feature).name + ": " + said(state).dump());
  if (const auto set = core_.reconciler.set_features(core_.features.kernel()); !set)
    log_error("features in the kernel: " + set.error().text + "; tried again every second");
  if (info(feature).per_account && !core_.accounts.all().empty())
    core_.enforcer.apply_in_background(info(feature).name);
}

std::vector<FeatureView> FeatureControl::views() const {
  std::vector<FeatureView> views;
  views.reserve(kAllFeatures.size());
  for (const Feature each : kAllFeatures) views.push_back(view(each));
  return views;
}

FeatureView FeatureControl::view(Feature feature) const {
  const bool per_account = info(feature).per_account;
  const auto on = std::ranges::count_if(core_.accounts.all(), [&](const auto& named) {
    return core_.features.mode_for(feature, named.first) != FeatureMode::off;
  });
  return {.feature = feature,
          .state = core_.features.state(feature),
          .accounts_on = per_account ? static_cast<size_t>(on) : 0,
          .cost = core_.overhead.cost(feature),
          .shed = core_.overhead.shed(feature)};
}

Result<void> FeatureControl::save(const Caller& caller, const char* action, Feature feature, FeatureState state) {
  const FeatureState& before = core_.features.state(feature);
  if (state == before) return {};
  const Notes notes{.events = {},
                    .audit = {audit_entry(caller, action, {}, info(feature).name, said(before), said(state))}};
  NP_TRY(core_.ledger.commit(caller, notes,
                             [&](Store& store, const Notes& with) { return store.put(stored(feature, state), with); }));
  make_effective(feature, state);
  return {};
}

Result<FeatureView> FeatureControl::change(const Caller& caller, Feature feature, const FeatureChange& change) {
  FeatureState state = NP_TRY(apply(feature, core_.features.state(feature), change));
  NP_TRY(save(caller, "feature.change", feature, std::move(state)));
  return view(feature);
}

Result<FeatureView> FeatureControl::set_override(const Caller& caller, Feature feature, const std::string& account,
                                                 std::optional<bool> on) {
  NP_TRY(core_.accounts.find_lasting(account));
  if (!info(feature).per_account)
    return refused("account", std::string("has no say here: ") + info(feature).name + " is of the whole server");
  const FeatureState& before = core_.features.state(feature);
  FeatureState state = before;
  state.overrides.erase(account);
  if (on) state.overrides.emplace(account, *on);
  if (state == before) return view(feature);
  const auto override_in = [&](const FeatureState& whose) {
    const auto found = whose.overrides.find(account);
    return Json{{"enabled", found == whose.overrides.end() ? Json(nullptr) : Json(found->second)}};
  };
  const Notes notes{.events = {},
                    .audit = {audit_entry(caller, "feature.override", account, info(feature).name, override_in(before),
                                          override_in(state))}};
  NP_TRY(core_.ledger.commit(caller, notes, [&](Store& store, const Notes& with) {
    return store.put_override(info(feature).name, account, on, with);
  }));
  core_.features.set(feature, std::move(state));
  core_.enforcer.apply(core_.accounts.all().at(account));
  return view(feature);
}

void FeatureControl::enforce_overhead() {
  for (const auto& [feature, order] : core_.overhead.tick(core_.features)) {
    if (order.what == OverheadOrder::What::switch_off)
      switch_off(feature, order.why);
    else
      shed(feature, order);
  }
}

void FeatureControl::switch_off(Feature feature, const std::string& why) {
  FeatureState state = core_.features.state(feature);
  state.enabled = false;
  state.switched_off = why;
  log_error(std::string("feature ") + info(feature).name + " switches itself off: " + why);
  ++switched_off_[feature];
  if (const auto saved = save(agent_itself(), "feature.switch_off", feature, state); !saved) {
    core_.ledger.complain(saved.error());
    make_effective(feature, state);  // what costs too much ends all the same
  }
}

// Limits hold all the time: less is told of what they refuse.
void FeatureControl::shed(Feature feature, const OverheadOrder& order) {
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
  core_.ledger.note(
      {.events = {{.at_ms = now_ms(),
                   .account = {},
                   .kind = more ? "telemetry_shed" : "telemetry_restored",
                   .detail = detail.dump()}},
       .audit = {audit_entry(agent_itself(), more ? "feature.shed" : "feature.restore", {}, name, before, after)}});
}

void FeatureControl::apply_shed() {
  constexpr std::array<uint32_t, kShedMost + 1> kRecords = {NP_SMTP_RECORDS_A_SECOND, NP_SMTP_RECORDS_A_SECOND / 10, 0};
  if (!core_.reconciler.smtp()) return;
  if (const auto set =
          core_.reconciler.smtp()->connect.set_records_a_second(kRecords[core_.overhead.shed(NP_EMAIL_RATE_LIMITING)]);
      !set)
    log_error("records of refusals: " + set.error().text + "; carrying on");
}

void FeatureControl::add_problems(std::vector<std::string>& problems) const {
  for (const Feature feature : kAllFeatures)
    if (const unsigned level = core_.overhead.shed(feature); level > 0)
      problems.push_back(std::string(info(feature).name) + " costs too much (" + shed_why_[feature] +
                         "): telemetry is left out, level " + std::to_string(level) + " of " +
                         std::to_string(kShedMost) + "; limits hold");
}

std::optional<FeatureTable> FeatureControl::known() const {
  return unknown_ ? std::nullopt : std::optional(core_.features.kernel());
}

void FeatureControl::every_second() {
  notice_foreign_changes();
  if (const auto set = core_.reconciler.set_features(core_.features.kernel()); set && *set > 0)
    log_warning("features in the kernel had been changed by others and were restored");
  enforce_overhead();
}

std::vector<FeatureFigures> FeatureControl::figures() const {
  std::vector<FeatureFigures> figures;
  figures.reserve(kAllFeatures.size());
  for (const Feature feature : kAllFeatures)
    figures.push_back({.feature = feature,
                       .mode = static_cast<FeatureMode>(core_.features.kernel()[feature].mode),
                       .toggles = toggles_[feature],
                       .switched_off = switched_off_[feature],
                       .cost = core_.overhead.cost(feature),
                       .shed = core_.overhead.shed(feature)});
  return figures;
}

}  // namespace npanel
