// SPDX-License-Identifier: Apache-2.0
// database_maintenance.cpp: what does the agent do while its database is damaged, full or read-only?
#include <algorithm>
#include <iterator>

#include "agent/agent.h"
#include "api/codec.h"
#include "base/clock.h"
#include "daemon/failure_log.h"
#include "daemon/log.h"

namespace npanel {
namespace {

constexpr uint64_t kReopenEvery = 5;  // seconds
constexpr uint64_t kTrimEvery = 60;   // seconds
}  // namespace

void Agent::report(const Opened& opened) {
  ledger_.set_read_only(opened.read_only);
  accounts_lost_ = opened.accounts_lost;
  std::vector<Event> events;
  for (const std::string& repair : opened.repairs) {
    log_error(repair);
    events.push_back(event_now({}, "database_repaired", {{"repair", repair}}));
  }
  if (ledger_.read_only()) log_error("changes are refused, limits stay in force: " + *ledger_.read_only());
  if (accounts_lost_) log_error("accounts are missing from the database; what the kernel holds of them is left alone");
  ledger_.note({.events = std::move(events), .audit = {}});
}

void Agent::maintain_database() {
  const bool try_again = ledger_.read_only() && ticks_ % kReopenEvery == 0;
  if (ledger_.store().wants_reopening() || try_again) reopen_database();
  if (ledger_.read_only()) return;
  if (ticks_ % kTrimEvery == 0)
    if (const auto trimmed = ledger_.store().trim(time_.lived_ms(boot_ms())); !trimmed)
      ledger_.complain(trimmed.error());
  if (backup_job_) return;  // a job does it
  const auto finished = backups_.step(ledger_.store(), now_ms());
  if (!finished) log_error("backup of the database: " + finished.error().text);
  heap_has_holes_ = heap_has_holes_ || !finished || *finished;
}

void Agent::reopen_database() {
  if (ledger_.read_only() && why_not_writable(config_.database)) return;
  if (ledger_.store().wants_reopening()) mark_suspect(config_.database);
  ledger_.store().close();
  auto opened = open_or_recover(config_.database, config_.scratch_directory());
  if (!opened) {
    if (ledger_.read_only() != opened.error().text) log_error(opened.error().text + "; changes are refused");
    ledger_.set_read_only(std::move(opened.error().text));
    return;
  }
  const bool knew_all = !may_lack_accounts();
  ledger_.replace(std::move(opened->store));
  report(*opened);
  if (ledger_.read_only()) return;
  log_info("the database can be written");
  if (knew_all) {
    write_back_features();
    // Whatever was restored, what we know is whole.
    if (const bool whole = write_back_accounts(); whole) {
      if (const auto ended = end_loss(); !ended) log_error(ended.error().text);
    } else {
      recall_loss(false);
    }
  } else if (const auto loaded = load_accounts(); loaded) {
    recall_loss(false);
    take_over_held();
    if (accounts_lost_) write_back_features();
    if (auto features = stored_features(ledger_.store())) features_ = std::move(*features);
    reconcile_all();
  } else {
    log_error(loaded.error().text);
  }
}

bool Agent::write_back_accounts() {
  const auto stored = ledger_.store().accounts();
  if (!stored) {
    log_error(stored.error().text);
    return false;
  }
  bool whole = true;
  for (const auto& [name, decisions] : mail_.decisions) mail_.decisions_unsaved.insert(name);
  std::map<std::string, const Account*> there;
  for (const Account& account : *stored) there.emplace(account.name, &account);
  const auto check = [&](const Result<void>& done) {
    whole = whole && done;
    if (!done) log_error(done.error().text);
  };
  // First what is gone: its uid and slot may belong to another account now.
  for (const auto& [name, account] : there)
    if (!accounts_.contains(name))
      check(ledger_.store().erase(
          name,
          {.events = {{.at_ms = now_ms(), .account = name, .kind = "account_deleted", .detail = "{}"}}, .audit = {}}));
  for (const auto& [name, entry] : accounts_) {
    const auto found = there.find(name);
    if (found == there.end() || *found->second != entry.account) check(ledger_.store().put(entry.account, {}));
  }
  return whole;
}

void Agent::import_failures() {
  const FoundFailures found = find_failures(config_.failure_directory());
  for (const std::string& spoilt : found.spoilt) log_error(spoilt + " is no record of a failure; renamed to .spoilt");
  for (const Failure& failure : found.closed) {
    if (const auto saved = ledger_.store().put(failure); !saved) {
      ledger_.complain(saved.error());
      return;
    }
    forget_failure(config_.failure_directory(), failure);
  }
  if (!ledger_.is_waiting()) ledger_.stop_complaining();
}

}  // namespace npanel
