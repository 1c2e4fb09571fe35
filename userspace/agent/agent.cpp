// SPDX-License-Identifier: Apache-2.0
#include "agent/agent.h"

#include <malloc.h>

#include <utility>

#include "core/history_routes.h"
#include "daemon/log.h"
#include "store/files.h"

namespace npanel {
namespace {

constexpr uint64_t kTrimHeapEvery = 10;  // seconds

}  // namespace

Agent::Agent(const LoadedConfig& loaded, const ConfigSources& sources, std::string version, Store store,
             const std::optional<Features>& features)
    : core_(loaded.config, std::move(store), features),
      configuration_(core_, loaded, sources),
      status_(core_, mail_, std::move(version)) {
  // The database first: what it takes over from the kernel is older than what the others bring there.
  core_.rooms = {&database_, &mail_, &configuration_, &status_};
  database_.keep_with({.load = [this] { return mail_.load(); }, .write_back = [this] { mail_.write_back(); }});
}

// The order is its meaning: what is on the disk, what the kernel holds, and only then what is written there.
Result<std::unique_ptr<Agent>> Agent::start(const LoadedConfig& loaded, const ConfigSources& sources,
                                            std::string version) {
  const Config& config = loaded.config;
  const bool absent = !exists(config.database);
  Opened opened = NP_TRY(open_or_recover(config.database, config.scratch_directory()));
  const bool began_empty = absent && opened.repairs.empty();
  // A database that begins empty on a server whose kernel holds features was lost, and lost with it what was switched
  // on.
  const bool knows_nothing = opened.accounts_lost || began_empty;
  const auto features = knows_nothing ? std::nullopt : std::optional(NP_TRY(stored_features(opened.store)));
  std::unique_ptr<Agent> agent(new Agent(loaded, sources, std::move(version), std::move(opened.store), features));
  Core& core = agent->core_;
  agent->database_.report(opened);
  core.feature_control.take_from_kernel();
  NP_TRY(core.editor.load());
  NP_TRY(agent->mail_.load());
  core.clock.go_on();
  agent->database_.recall_loss(began_empty);
  core.enforcer.begin();
  agent->configuration_.note_first(loaded.files);
  core.heap_has_holes = true;  // reading the kernel's types was large, too
  return agent;
}

void Agent::tick() {
  // Before whatever goes by the wall clock.
  if (const auto jump_ms = core_.clock.take_jump())
    for (Room* room : core_.rooms) room->clock_was_set(*jump_ms);
  core_.enforcer.every_second();
  core_.editor.every_second();
  core_.feature_control.every_second();
  core_.jobs.scheduler().each_second();
  for (Room* room : core_.rooms) room->every_second();
  core_.ledger.write_waiting();
  // An answer about thousands of accounts and the check of a backup are megabytes in pieces that malloc would keep; and
  // what was given back, it takes again some seconds later.
  if (std::exchange(core_.heap_has_holes, false) || ticks_ % kTrimHeapEvery == 0) ::malloc_trim(0);
  ++ticks_;
}

void Agent::stop() {
  tick();
  for (Room* room : core_.rooms) room->before_exit();
  core_.clock.save();
}

Router Agent::routes() {
  Router router;
  router.add(account_routes(core_));
  router.add(feature_routes(core_.feature_control));
  router.add(history_routes(core_.ledger));
  router.add(job_routes(core_.jobs));
  router.add(token_routes(tokens_));
  for (Room* room : core_.rooms) router.add(room->routes());
  return router;
}

GuardSources Agent::guard_sources() {
  const auto audit_refusal = [this](AuditEntry entry) {
    log_info("refused: " + entry.action + (entry.account ? " " + *entry.account : "") + " by " + entry.actor + ": " +
             entry.result + " [" + entry.request_id + "]");
    core_.ledger.note_later(std::move(entry));
  };
  const auto find = [this](const std::string& client, const std::string& key) {
    return core_.ledger.store().find(client, key, core_.clock.lived_ms());
  };
  return {.find_token = [this](std::string_view text) { return tokens_.find(text); },
          .is_on = [this](Feature feature) { return core_.features.on(feature); },
          .audit_refusal = audit_refusal,
          .replies = {.find = find,
                      .keep = [this](const IdempotentReply& reply) { return core_.ledger.store().keep(reply); },
                      .lived_ms = [this] { return core_.clock.lived_ms(); }}};
}

}  // namespace npanel
