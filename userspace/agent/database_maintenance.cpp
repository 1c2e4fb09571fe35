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
constexpr size_t kNotesWaiting = 1000;

void keep_newest(auto& list) {
  if (list.size() > kNotesWaiting) list.erase(list.begin(), list.end() - kNotesWaiting);
}

}  // namespace

void Agent::report(const Opened& opened) {
  read_only_ = opened.read_only;
  accounts_lost_ = opened.accounts_lost;
  std::vector<Event> events;
  for (const std::string& repair : opened.repairs) {
    log_error(repair);
    events.push_back({.at_ms = now_ms(),
                      .account = {},
                      .kind = "database_repaired",
                      .detail = Json{{"repair", repair}}.dump(-1, ' ', true, Json::error_handler_t::replace)});
  }
  if (read_only_) log_error("changes are refused, limits stay in force: " + *read_only_);
  if (accounts_lost_) log_error("accounts are missing from the database; what the kernel holds of them is left alone");
  save_notes({.events = std::move(events), .audit = {}});
}

void Agent::maintain_database() {
  const bool try_again = read_only_ && ticks_ % kReopenEvery == 0;
  if (store_.wants_reopening() || try_again) reopen_database();
  if (read_only_) return;
  if (ticks_ % kTrimEvery == 0)
    if (const auto trimmed = store_.trim(time_.lived_ms(boot_ms())); !trimmed) complain_of_store(trimmed.error());
  if (backing_up_) return;  // a job does it
  const auto finished = backups_.step(store_, now_ms());
  if (!finished) log_error("backup of the database: " + finished.error().text);
  heap_has_holes_ = heap_has_holes_ || !finished || *finished;
}

void Agent::reopen_database() {
  if (read_only_ && why_not_writable(config_.database)) return;
  if (store_.wants_reopening()) mark_suspect(config_.database);
  store_.close();
  auto opened = open_or_recover(config_.database, config_.scratch_directory());
  if (!opened) {
    if (read_only_ != opened.error().text) log_error(opened.error().text + "; changes are refused");
    read_only_ = std::move(opened.error().text);
    return;
  }
  const bool knew_all = !may_lack_accounts();
  store_ = std::move(opened->store);
  report(*opened);
  if (read_only_) return;
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
    if (auto features = stored_features(store_)) features_ = std::move(*features);
    reconcile_all();
  } else {
    log_error(loaded.error().text);
  }
}

bool Agent::write_back_accounts() {
  const auto stored = store_.accounts();
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
      check(store_.erase(
          name,
          {.events = {{.at_ms = now_ms(), .account = name, .kind = "account_deleted", .detail = "{}"}}, .audit = {}}));
  for (const auto& [name, entry] : accounts_) {
    const auto found = there.find(name);
    if (found == there.end() || *found->second != entry.account) check(store_.put(entry.account, {}));
  }
  return whole;
}

void Agent::import_failures() {
  const FoundFailures found = find_failures(config_.failure_directory());
  for (const std::string& spoilt : found.spoilt) log_error(spoilt + " is no record of a failure; renamed to .spoilt");
  for (const Failure& failure : found.closed) {
    if (const auto saved = store_.put(failure); !saved) {
      complain_of_store(saved.error());
      return;
    }
    forget_failure(config_.failure_directory(), failure);
  }
  if (waiting_.empty()) store_complaint_.clear();
}

void Agent::save_notes(Notes notes) {
  wait_with(std::move(notes));
  save_waiting_notes();
}

void Agent::wait_with(Notes notes) {
  std::ranges::move(notes.events, std::back_inserter(waiting_.events));
  std::ranges::move(notes.audit, std::back_inserter(waiting_.audit));
  keep_newest(waiting_.events);
  keep_newest(waiting_.audit);
}

void Agent::save_waiting_notes() {
  if (read_only_) return;
  if (unsaved_version_) {
    if (const auto saved = store_.add(*unsaved_version_, {}); !saved) {
      complain_of_store(saved.error());
      return;
    }
    unsaved_version_.reset();
    store_complaint_.clear();
  }
  if (waiting_.empty()) return;
  if (const auto saved = store_.append(waiting_); !saved) {
    complain_of_store(saved.error());
    return;
  }
  waiting_ = {};
  store_complaint_.clear();
}

// What the administrator did not ask for and the store refuses: said once, not every second.
void Agent::complain_of_store(const Error& error) {
  if (std::exchange(store_complaint_, error.text) != error.text) log_error(error.text + "; kept and tried again");
}

}  // namespace npanel
