// SPDX-License-Identifier: Apache-2.0
#include "configuration/configuration.h"

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

Configuration::Configuration(Core& core, const LoadedConfig& loaded, ConfigSources sources)
    : core_(core), sources_(std::move(sources)), values_(loaded.values) {}

void Configuration::note_first(const ConfigFiles& files) {
  core_.ledger.note(ConfigVersion{.at_ms = now_ms(), .actor = agent_itself().actor, .files = files});
}

Result<ReloadReport> Configuration::reload(const Caller& caller) {
  auto loaded = load_config(sources_);
  if (!loaded) {
    loaded.error().field = "configuration";
    return std::unexpected(std::move(loaded.error()));
  }
  LoadedConfig fresh = until_restart(*loaded, {.config = core_.config, .values = values_, .files = {}});
  ReloadReport report{.changed = changed_keys(values_, fresh.values),
                      .needs_restart = changed_keys(fresh.values, loaded->values)};
  // Switched, written down, and if that fails, switched back: nothing is in force that is not in the audit trail.
  auto former = core_.reconciler.set_rules(fresh.config, core_.users.find_all(fresh.config.smtp_exempt_users));
  if (!former) {
    core_.enforcer.retry_rules();  // as they were, if that was not to be had either
    return std::unexpected(former.error());
  }
  const auto version = core_.ledger.store().add({.at_ms = now_ms(), .actor = caller.actor, .files = loaded->files},
                                                notes_of_reload(caller, report.changed));
  if (!version) {
    if (const auto back = core_.reconciler.put_back(std::move(*former)); !back) {
      log_error(back.error().text);
      core_.enforcer.retry_rules();
    }
    return std::unexpected(version.error());
  }
  report.version = *version;
  core_.ledger.forget_first_configuration();
  core_.reconciler.follow(fresh.config);
  core_.config = std::move(fresh.config);
  values_ = std::move(fresh.values);
  core_.overhead.set_limit(core_.config);
  core_.users.look_again();
  core_.enforcer.rules_are_set();
  core_.enforcer.watch_overhead();
  core_.enforcer.tell_of_missing();
  for (Room* room : core_.rooms) room->configured();
  log_info("configuration " + std::to_string(report.version) + " is in force, " +
           std::to_string(report.changed.size()) + " keys changed, " + std::to_string(report.needs_restart.size()) +
           " wait for a restart");
  return report;
}

void Configuration::reload_by_signal() {
  const Caller caller{.actor = "signal SIGHUP", .source = "agent", .began_us = steady_us()};
  const auto done = core_.features.on(NP_GRACEFUL_RELOADS)
                        ? reload(caller)
                        : failure("graceful_reloads is off (npanelctl feature enable graceful_reloads)", EPERM);
  if (done) return;
  log_error("reload: nothing was changed: " + done.error().text);
  AuditEntry entry = audit_entry(caller, "config.reload", {}, "", nullptr, nullptr);
  entry.result = done.error().text;
  core_.ledger.note(std::move(entry));
}

void Configuration::configured() {
  tell_(core_.config);
}

Result<std::vector<ConfigVersion>> Configuration::versions(int limit) {
  return core_.ledger.store().config_versions(limit);
}

Result<ConfigVersion> Configuration::version(int64_t id) {
  return core_.ledger.store().config_version(id);
}

}  // namespace npanel
