// SPDX-License-Identifier: Apache-2.0
#include "core/account_editor.h"

#include <algorithm>

#include "base/clock.h"
#include "core/core.h"
#include "daemon/log.h"

namespace npanel {
namespace {

constexpr int kDyingMs = 500;  // how long a delete waits for processes to die; everybody else waits with it
constexpr const char* kDrain = "drain";
constexpr int64_t kDyingMostMs = 30'000;

Json as_said(const Account& account) {
  return {{"uid", account.uid ? Json(*account.uid) : Json(nullptr)},
          {"limits", encode(account.limits)},
          {"smtp", encode(account.smtp)},
          {"mail", encode(account.mail)},
          {"contact", encode(account.contact)}};
}

}  // namespace

AccountEditor::AccountEditor(Core& core) : core_(core) {
  core.users.on_answer([this](const std::string& user) { take_user(user); });
  core.lowering.on_end([this](const std::string& account) {
    AccountEntry* entry = core_.accounts.get(account);
    if (entry && entry->account.state != AccountState::deleting) core_.enforcer.apply(*entry);
  });
}

std::vector<std::string> AccountEditor::degraded(const AccountEntry& entry) const {
  std::vector<std::string> reasons = core_.enforcer.degraded(entry);
  if (auto why = why_no_uid(entry.account.name)) reasons.push_back(std::move(*why));
  return reasons;
}

AccountView AccountEditor::view(const AccountEntry& entry) const {
  const std::string& name = entry.account.name;
  return {.account = entry.account,
          .effective = with_features(core_.enforcer.effective(entry.account), name, core_.features),
          .reasons = core_.enforcer.reasons(entry.account),
          .degraded = degraded(entry),
          .isolation = core_.features.mode_for(NP_CGROUPS_ISOLATION, name),
          .mail = core_.features.mode_for(NP_EMAIL_RATE_LIMITING, name)};
}

Result<AccountView> AccountEditor::create(const Caller& caller, Account wanted, bool find_uid) {
  const std::string name = wanted.name;
  NP_TRY(check_name_is_free(name));
  wanted.slot = core_.accounts.free_slot();
  if (wanted.slot >= NP_SLOTS)
    return failure("this server holds " + std::to_string(NP_SLOTS) + " accounts already", ENOSPC);
  const Users::Found user = find_uid ? core_.users.find(name) : Users::Found{};
  wanted.uid_of_user = find_uid;
  if (user.uid && check_uid(*user.uid, core_.config.least_uid)) wanted.uid = user.uid;
  const Json after = as_said(wanted);
  // Before the slot is anybody's: an agent that ends here, or a store that refuses, leaves no counts of its last owner.
  if (const auto fresh = core_.reconciler.start_fresh(wanted); !fresh)
    log_error("account " + name + ": " + fresh.error().text + "; carrying on");
  NP_TRY(core_.ledger.commit(caller,
                             {.events = {event_now(name, "account_created", after)},
                              .audit = {audit_entry(caller, "account.create", name, "", nullptr, after)}},
                             [&](Store& store, const Notes& notes) { return store.put(wanted, notes); }));
  seek_uid(wanted);
  if (user.uid) core_.users.look_again();  // whether it was taken or not is said
  core_.enforcer.uids_changed();
  AccountEntry& entry = core_.accounts.add(std::move(wanted), boot_ns());
  core_.enforcer.apply(entry);
  return view(entry);
}

// Store, memory, kernel: in this order, so that a refusal of the store changes nothing.
Result<AccountView> AccountEditor::save(const Caller& caller, AccountEntry& entry, Account changed,
                                        const Notes& notes) {
  NP_TRY(core_.ledger.commit(caller, notes, [&](Store& store, const Notes& with) { return store.put(changed, with); }));
  leave_uid(entry.account, changed);
  core_.accounts.set(entry, std::move(changed));
  seek_uid(entry.account);
  core_.enforcer.apply(entry);
  return view(entry);
}

Result<AccountView> AccountEditor::change(const Caller& caller, const std::string& former, const Account& wanted) {
  const std::string& name = wanted.name;
  AccountEntry* entry = NP_TRY(core_.accounts.find_lasting(former));
  Account changed = entry->account;
  changed.name = name;
  changed.uid = wanted.uid;
  changed.uid_of_user = wanted.uid_of_user;
  changed.limits = wanted.limits;
  changed.smtp = wanted.smtp;
  changed.mail = wanted.mail;
  changed.contact = wanted.contact;
  if (changed == entry->account) return view(*entry);
  Notes notes;
  const auto note = [&](const char* kind, const char* action, const Json& before, const Json& after) {
    if (before == after) return;
    notes.events.push_back(event_now(name, kind, {{"before", before}, {"after", after}}));
    notes.audit.push_back(audit_entry(caller, action, name, "", before, after));
  };
  const auto called = [](const std::string& account) { return Json{{"name", account}}; };
  note("renamed", "account.rename", called(former), called(name));
  const auto said = [](const Account& account) {
    return Json{{"uid", or_null(account.uid)}, {"of_user", account.uid_of_user}};
  };
  note("uid_changed", "account.uid", said(entry->account), said(changed));
  note("limits_changed", "account.change", encode(entry->account.limits), encode(changed.limits));
  note("smtp_changed", "account.smtp", encode(entry->account.smtp), encode(changed.smtp));
  note("mail_limits_changed", "account.mail", encode(entry->account.mail), encode(changed.mail));
  note("contact_changed", "account.contact", encode(entry->account.contact), encode(changed.contact));
  if (name == former) return save(caller, *entry, std::move(changed), notes);
  // Whoever looks for either name finds where it went, or came from.
  notes.audit.push_back(audit_entry(caller, "account.rename", former, "", called(former), called(name)));
  return rename(caller, *entry, std::move(changed), notes);
}

Result<AccountView> AccountEditor::set_state(const Caller& caller, const std::string& name, AccountState state) {
  AccountEntry* entry = NP_TRY(core_.accounts.find_lasting(name));
  if (entry->account.state == state) return view(*entry);
  Account changed = entry->account;
  changed.state = state;
  const bool suspend = state == AccountState::suspended;
  const Event what = event_now(name, suspend ? "suspended" : "resumed");
  const char* action = suspend ? "account.suspend" : "account.resume";
  const auto said = [](AccountState which) { return Json{{"state", to_string(which)}}; };
  return save(
      caller, *entry, std::move(changed),
      {.events = {what}, .audit = {audit_entry(caller, action, name, "", said(entry->account.state), said(state))}});
}

Result<std::optional<AccountView>> AccountEditor::remove(const Caller& caller, const std::string& name) {
  AccountEntry* entry = NP_TRY(core_.accounts.find(name));
  if (entry->account.state != AccountState::deleting) {
    Account changed = entry->account;
    changed.state = AccountState::deleting;
    const Notes notes{.events = {},
                      .audit = {audit_entry(caller, "account.delete", name, "", as_said(entry->account), nullptr)}};
    NP_TRY(
        core_.ledger.commit(caller, notes, [&](Store& store, const Notes& with) { return store.put(changed, with); }));
    core_.accounts.set(*entry, std::move(changed));
    seek_uid(entry->account);
  }
  const auto gone = finish_removal(*entry, kDyingMs);
  if (!gone) log_error("account " + name + ": " + gone.error().text + "; deletion goes on");
  if (gone && *gone) return std::nullopt;
  return view(*entry);
}

Result<void> AccountEditor::add_process(const Caller& caller, const std::string& name, pid_t pid) {
  AccountEntry* entry = NP_TRY(core_.accounts.find_lasting(name));
  NP_TRY(core_.reconciler.add_process(entry->account, core_.features, pid, caller.root));
  const Json what{{"pid", pid}};
  // It is in already: whatever the store says now, it is told.
  core_.ledger.note({.events = {event_now(name, "process_added", what)},
                     .audit = {audit_entry(caller, "account.add_process", name, "", nullptr, what)}});
  return {};
}

Result<bool> AccountEditor::finish_removal(AccountEntry& entry, int wait_ms) {
  const std::string name = entry.account.name;
  if (!NP_TRY(core_.reconciler.remove(entry.account, entry.applied, wait_ms))) return false;
  for (Room* room : core_.rooms) room->account_leaves(entry.account);
  NP_TRY(core_.ledger.store().erase(name, {.events = {event_now(name, "account_deleted")}, .audit = {}}));
  log_info("account " + name + ": deleted");
  core_.accounts.erase(name);
  for (Room* room : core_.rooms) room->account_gone(name);
  seeking_.erase(name);
  core_.enforcer.uids_changed();
  core_.users.look_again();  // who could not have this uid, may
  core_.lowering.forget(name);
  core_.features.forget_account(name);
  return true;
}

Result<void> AccountEditor::refuse_while_drained(const std::string& account) const {
  const auto running = core_.jobs.running(kDrain, account);
  if (!running) return {};
  return failure("account \"" + account + "\" is drained already by job " + std::to_string(*running), EBUSY);
}

Result<Job> AccountEditor::start_drain(const Caller& caller, const std::string& account, uint32_t grace_seconds) {
  NP_TRY(core_.accounts.find_lasting(account));
  NP_TRY(refuse_while_drained(account));
  const int64_t id = core_.jobs.begin(kDrain, account);
  core_.jobs.audit(caller, id);
  Draining draining{.job = id, .account = account, .kill_at_ms = steady_ms() + int64_t{grace_seconds} * 1000};
  if (drain_further(draining))
    core_.jobs.step_each_second(id, [this, draining]() mutable { return drain_further(draining); });
  return core_.jobs.find(id);
}

// SIGTERM to whatever is there; what is left after the grace is killed; what is left half a minute later, nobody ends.
// True while something is to be done.
bool AccountEditor::drain_further(Draining& draining) {
  const auto entry = core_.accounts.all().find(draining.account);
  if (entry == core_.accounts.all().end()) {
    core_.jobs.end(draining.job, Job::State::done, "the account was deleted");
    return false;
  }
  const auto there = core_.reconciler.ask_to_end(entry->second.account, draining.asked);
  const auto populated = core_.reconciler.populated(entry->second.account);
  if (!there || !populated) {
    core_.jobs.end(draining.job, Job::State::failed, there ? populated.error().text : there.error().text);
    return false;
  }
  const size_t all = draining.asked.size();
  if (!*populated) {
    core_.jobs.end(draining.job, Job::State::done, std::to_string(all) + " processes ended");
    return false;
  }
  const int64_t late_ms = steady_ms() - draining.kill_at_ms;
  if (late_ms > kDyingMostMs) {
    const auto left = core_.reconciler.still_there(entry->second.account);
    core_.jobs.end(
        draining.job, Job::State::failed,
        "half a minute after SIGKILL " + (left ? *left : left.error().text) + "; nothing more can be done here");
    return false;
  }
  const bool patient = late_ms < 0;
  if (!patient) {
    core_.jobs.log(draining.job, std::to_string(*there) + " processes did not end by SIGTERM and are killed");
    if (const auto killed = core_.reconciler.kill_all(entry->second.account); !killed)
      core_.jobs.log(draining.job, killed.error().text);
  }
  core_.jobs.advance(draining.job, all - std::min(all, *there), all,
                     std::to_string(*there) + (patient ? " processes were asked to end" : " processes are dying"));
  return true;
}

Result<void> AccountEditor::load() {
  core_.accounts.clear();
  seeking_.clear();
  for (Account& account : NP_TRY(core_.ledger.store().accounts())) {
    if (account.slot >= NP_SLOTS)
      return failure("account \"" + account.name + "\" has slot " + std::to_string(account.slot) + ", of " +
                     std::to_string(NP_SLOTS));
    drop_refused_uid(account);
    seek_uid(account);
    core_.accounts.add(std::move(account));
  }
  core_.users.look_again();
  return {};
}

void AccountEditor::every_second() {
  const std::vector<std::string> deleting(core_.accounts.deleting().begin(), core_.accounts.deleting().end());
  for (const std::string& name : deleting)
    if (const auto gone = finish_removal(*core_.accounts.get(name), 0); !gone)
      log_error("account " + name + ": " + gone.error().text + "; deletion goes on");
  core_.users.retry();
  find_users();
}

}  // namespace npanel
