// SPDX-License-Identifier: Apache-2.0
// keeper.cpp: what does the agent do while its database is damaged, full or read-only?
#include <algorithm>
#include <iterator>

#include "base/clock.h"
#include "daemon/failure_log.h"
#include "daemon/log.h"
#include "database/database.h"

namespace npanel {
namespace {

constexpr uint64_t kReopenEvery = 5;  // seconds
constexpr uint64_t kImportEvery = 5;  // seconds
constexpr uint64_t kTrimEvery = 60;   // seconds
}  // namespace

void Database::report(const Opened& opened) {
  core_.ledger.set_read_only(opened.read_only);
  accounts_lost_ = opened.accounts_lost;
  note_doubt();
  std::vector<Event> events;
  for (const std::string& repair : opened.repairs) {
    log_error(repair);
    events.push_back(event_now({}, "database_repaired", {{"repair", repair}}));
  }
  if (core_.ledger.read_only()) log_error("changes are refused, limits stay in force: " + *core_.ledger.read_only());
  if (accounts_lost_) log_error("accounts are missing from the database; what the kernel holds of them is left alone");
  core_.ledger.note({.events = std::move(events), .audit = {}});
}

void Database::every_second() {
  const uint64_t second = seconds_++;
  if (second % kImportEvery == 0) import_failures();
  const bool try_again = core_.ledger.read_only() && second % kReopenEvery == 0;
  if (core_.ledger.store().wants_reopening() || try_again) reopen();
  if (core_.ledger.read_only()) return;
  if (second % kTrimEvery == 0)
    if (const auto trimmed = core_.ledger.store().trim(core_.clock.lived_ms()); !trimmed)
      core_.ledger.complain(trimmed.error());
  if (backup_job_) return;  // a job does it
  const auto finished = backups_.step(core_.ledger.store(), now_ms());
  if (!finished) log_error("backup of the database: " + finished.error().text);
  core_.heap_has_holes = core_.heap_has_holes || !finished || *finished;
}

void Database::reopen() {
  if (core_.ledger.read_only() && why_not_writable(core_.config.database)) return;
  if (core_.ledger.store().wants_reopening()) mark_suspect(core_.config.database);
  core_.ledger.store().close();
  auto opened = open_or_recover(core_.config.database, core_.config.scratch_directory());
  if (!opened) {
    if (core_.ledger.read_only() != opened.error().text) log_error(opened.error().text + "; changes are refused");
    core_.ledger.set_read_only(std::move(opened.error().text));
    return;
  }
  const bool knew_all = !core_.may_lack_accounts;
  core_.ledger.replace(std::move(opened->store));
  report(*opened);
  if (core_.ledger.read_only()) return;
  log_info("the database can be written");
  if (knew_all) {
    core_.feature_control.write_back();
    others_.write_back();
    // Whatever was restored, what we know is whole.
    if (const bool whole = write_back_accounts(); whole) {
      if (const auto ended = end_loss(); !ended) log_error(ended.error().text);
    } else {
      recall_loss(false);
    }
  } else if (const auto loaded = core_.editor.load(); loaded) {
    recall_loss(false);
    take_over_held();
    if (const auto others = others_.load(); !others) log_error(others.error().text);
    if (accounts_lost_) core_.feature_control.write_back();
    if (auto features = stored_features(core_.ledger.store())) core_.features = std::move(*features);
    core_.enforcer.apply_all();
  } else {
    log_error(loaded.error().text);
  }
}

bool Database::write_back_accounts() {
  const auto stored = core_.ledger.store().accounts();
  if (!stored) {
    log_error(stored.error().text);
    return false;
  }
  bool whole = true;
  std::map<std::string, const Account*> there;
  for (const Account& account : *stored) there.emplace(account.name, &account);
  const auto check = [&](const Result<void>& done) {
    whole = whole && done;
    if (!done) log_error(done.error().text);
  };
  // First what is gone: its uid and slot may belong to another account now.
  for (const auto& [name, account] : there)
    if (!core_.accounts.all().contains(name))
      check(core_.ledger.store().erase(
          name,
          {.events = {{.at_ms = now_ms(), .account = name, .kind = "account_deleted", .detail = "{}"}}, .audit = {}}));
  for (const auto& [name, entry] : core_.accounts.all()) {
    const auto found = there.find(name);
    if (found == there.end() || *found->second != entry.account) check(core_.ledger.store().put(entry.account, {}));
  }
  return whole;
}

void Database::import_failures() {
  const FoundFailures found = find_failures(core_.config.failure_directory());
  for (const std::string& spoilt : found.spoilt) log_error(spoilt + " is no record of a failure; renamed to .spoilt");
  for (const Failure& failure : found.closed) {
    if (const auto saved = core_.ledger.store().put(failure); !saved) {
      core_.ledger.complain(saved.error());
      return;
    }
    forget_failure(core_.config.failure_directory(), failure);
  }
  if (!core_.ledger.is_waiting()) core_.ledger.stop_complaining();
}

Result<Job> Database::start_backup(const Caller& caller) {
  if (core_.ledger.read_only()) return failure("a backup cannot be made: " + *core_.ledger.read_only(), EROFS);
  if (backup_job_) return failure("a backup is being made already", EBUSY);
  const int64_t id = core_.jobs.begin("backup", std::nullopt, [this] {
    backups_.give_up(core_.ledger.store());
    backup_job_ = false;
  });
  core_.jobs.audit(caller, id);
  backups_.ask_for_one();
  backup_job_ = true;
  core_.jobs.step(id, [this, id] { return back_up_further(id); });
  return core_.jobs.find(id);
}

bool Database::back_up_further(int64_t id) {
  const auto finished = core_.ledger.read_only() ? Result<bool>(failure(*core_.ledger.read_only(), EROFS))
                                                 : backups_.step(core_.ledger.store(), now_ms());
  core_.heap_has_holes = true;
  if (finished && !*finished) {
    const auto [done, total] = core_.ledger.store().copied();
    core_.jobs.advance(id, done, total, "page " + std::to_string(done) + " of " + std::to_string(total));
    return true;
  }
  backup_job_ = false;
  if (finished)
    core_.jobs.end(id, Job::State::done, Backups::list(core_.config.database).front());
  else
    core_.jobs.end(id, Job::State::failed, finished.error().text);
  return false;
}

void Database::add_problems(std::vector<std::string>& problems) {
  if (core_.ledger.read_only()) problems.push_back("database: changes are refused: " + *core_.ledger.read_only());
  if (!core_.ledger.complaint().empty()) problems.push_back("database: " + core_.ledger.complaint());
  if (core_.may_lack_accounts) problems.push_back(loss_in_words());
}

}  // namespace npanel
