// SPDX-License-Identifier: Apache-2.0
// control.cpp: the audit trail, tokens, idempotent replies and the configuration.
#include "agent/agent.h"
#include "api/codec.h"
#include "base/clock.h"
#include "base/digest.h"
#include "daemon/log.h"

namespace npanel {
namespace {

Notes notes_of_reload(const Caller& caller, const std::vector<std::string>& changed) {
  if (changed.empty()) return {};
  return {.events = {}, .audit = {audit_entry(caller, "config.reload", {}, "", nullptr, {{"changed", changed}})}};
}

}  // namespace

Result<ReloadReport> Agent::reload(const Caller& caller) {
  auto loaded = load_config(sources_);
  if (!loaded) {
    loaded.error().field = "configuration";
    return std::unexpected(std::move(loaded.error()));
  }
  LoadedConfig fresh = until_restart(*loaded, {.config = config_, .values = config_values_, .files = {}});
  ReloadReport report{.changed = changed_keys(config_values_, fresh.values),
                      .needs_restart = changed_keys(fresh.values, loaded->values)};
  // Switched, written down, and if that fails, switched back: nothing is in force that is not in the audit trail.
  auto former = reconciler_.set_rules(fresh.config, users_.find_all(fresh.config.smtp_exempt_users));
  if (!former) {
    rules_due_ = true;  // as they were, if that was not to be had either
    return std::unexpected(former.error());
  }
  const auto version = ledger_.store().add({.at_ms = now_ms(), .actor = caller.actor, .files = loaded->files},
                                           notes_of_reload(caller, report.changed));
  if (!version) {
    if (const auto back = reconciler_.put_back(std::move(*former)); !back) {
      log_error(back.error().text);
      rules_due_ = true;
    }
    return std::unexpected(version.error());
  }
  report.version = *version;
  ledger_.forget_first_configuration();
  rules_due_ = false;
  reconciler_.follow(fresh.config);
  config_ = std::move(fresh.config);
  config_values_ = std::move(fresh.values);
  overhead_.set_limit(config_);
  configure_senders();
  users_.look_again();
  deliveries_.configure(config_);
  watch_overhead();
  tell_of_missing();
  if (tell_config_) tell_config_(config_);
  log_info("configuration " + std::to_string(report.version) + " is in force, " +
           std::to_string(report.changed.size()) + " keys changed, " + std::to_string(report.needs_restart.size()) +
           " wait for a restart");
  return report;
}

void Agent::reload_by_signal() {
  const Caller caller{.actor = "signal SIGHUP", .source = "agent", .began_us = steady_us()};
  const auto done = enabled(NP_GRACEFUL_RELOADS)
                        ? reload(caller)
                        : failure("graceful_reloads is off (npanelctl feature enable graceful_reloads)", EPERM);
  if (done) return;
  log_error("reload: nothing was changed: " + done.error().text);
  AuditEntry entry = audit_entry(caller, "config.reload", {}, "", nullptr, nullptr);
  entry.result = done.error().text;
  ledger_.note(std::move(entry));
}

void Agent::note_first_configuration(const std::map<std::string, std::string>& files) {
  ledger_.note(ConfigVersion{.at_ms = now_ms(), .actor = agent_itself().actor, .files = files});
}

Result<std::vector<ConfigVersion>> Agent::config_versions(int limit) {
  return ledger_.store().config_versions(limit);
}

Result<ConfigVersion> Agent::config_version(int64_t id) {
  return ledger_.store().config_version(id);
}

}  // namespace npanel
