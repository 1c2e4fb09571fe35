// SPDX-License-Identifier: Apache-2.0
// loss.cpp: what becomes of accounts that were lost with a damaged database, while the kernel still holds them?
#include "store/loss.h"

#include <algorithm>

#include "base/clock.h"
#include "daemon/log.h"
#include "database/database.h"

namespace npanel {
namespace {

Json as_held(const Account& account) {
  return {{"uid", or_null(account.uid)},
          {"state", to_string(account.state)},
          {"limits", encode(account.limits)},
          {"smtp", encode(account.smtp)},
          {"mail", encode(account.mail)}};
}

Json differences(const Json& before, const Json& after) {
  Json changed = Json::object();
  for (const auto& [key, value] : after.items())
    if (before.at(key) != value) changed[key] = value;
  return changed;
}

}  // namespace

// A stand-in for a disk that is read-only may lack what the disk has: that is over when the disk is back.
void Database::recall_loss(bool began_empty) {
  loss_ = remembered_loss(core_.config.database);
  if (!loss_ && core_.reconciler.remembers_loss()) loss_ = AccountLoss{.found_ms = now_ms()};
  note_doubt();
  if (core_.ledger.read_only()) return;
  const auto is_account = [](const HeldAccount& held) { return held.slot.has_value(); };
  if (!loss_ && began_empty && std::ranges::any_of(core_.reconciler.held(), is_account))
    loss_ = AccountLoss{.found_ms = now_ms()};
  note_doubt();
  if (loss_) keep_loss();
}

void Database::keep_loss() {
  if (const auto kept = remember_loss(core_.config.database, *loss_); !kept)
    log_error("the loss of accounts is not on disk: " + kept.error().text);
  if (const auto kept = core_.reconciler.remember_loss(); !kept)
    log_error("the loss of accounts is not among the pins: " + kept.error().text);
}

void Database::smtp_came() {
  take_over_held();
}

// Before anything is written to the kernel: what it holds is newer than what a backup says, and goes with a reboot.
void Database::take_over_held() {
  if (!loss_ || loss_->taken_over || core_.ledger.read_only()) return;
  if (!core_.reconciler.smtp() && core_.reconciler.may_hold_accounts()) return;  // once it can be asked

  std::map<std::string, std::string> names;  // by directory
  for (const auto& [name, entry] : core_.accounts.all()) names.emplace(cgroup_directory(entry.account), name);
  const std::vector<HeldAccount> all = core_.reconciler.held();
  for (const HeldAccount& held : all)
    if (held.slot) core_.accounts.withhold(*held.slot);  // so that nobody else gets it meanwhile
  bool whole = true;
  for (const HeldAccount& held : all) {
    if (!held.slot) continue;  // no account's, as far as the maps know
    const auto known = names.find(held.directory);
    const auto done = known == names.end() ? adopt(agent_itself(), held)
                                           : keep_stricter(core_.accounts.all().at(known->second), held);
    whole = whole && done;
    if (!done)
      log_error("cgroup " + held.directory + ": " + done.error().text + "; it and its limits are left alone");
    else if (!done->empty())
      loss_->done.push_back(*done);
  }
  loss_->taken_over = whole;
  keep_loss();
}

// The database is older than the kernel, or the kernel was changed by others: no limit is lifted on a guess.
Result<std::string> Database::keep_stricter(AccountEntry& entry, const HeldAccount& held) {
  if (entry.account.state == AccountState::deleting) return "";
  Account now = entry.account;
  now.limits = not_looser(now, held.limits, core_.reconciler.host());
  if (held.smtp) now.smtp = stricter(now.smtp, *held.smtp);
  const MailLimits usual = core_.enforcer.effective(now).mail;
  if (held.mail && stricter(usual, *held.mail) != usual) now.mail = stricter(now.mail, *held.mail);
  if (held.state == AccountState::suspended) now.state = AccountState::suspended;
  if (now == entry.account) return "";
  const Json before = as_held(entry.account);
  const Json after = as_held(now);
  const std::string detail = Json{{"before", before}, {"after", after}}.dump();
  const Caller caller = agent_itself();
  core_.accounts.set(entry, now);  // in force whether it can be stored or not
  NP_TRY(core_.ledger.store().put(
      now, {.events = {{.at_ms = now_ms(), .account = now.name, .kind = "limits_kept", .detail = detail}},
            .audit = {audit_entry(caller, "account.keep", now.name, "", before, after)}}));
  return "account " + now.name +
         " keeps what the kernel holds, which is stricter: " + differences(before, after).dump();
}

// A slot belongs to who has it in the kernel, and so does a uid.
Result<void> Database::make_way_for(const HeldAccount& held) {
  for (auto& [name, entry] : core_.accounts.all()) {
    Account changed = entry.account;
    if (changed.slot == held.slot) changed.slot = core_.accounts.free_slot();
    if (changed.uid && changed.uid == held.uid) {
      changed.uid.reset();
      changed.uid_of_user = false;
    }
    if (changed == entry.account) continue;
    if (changed.slot >= NP_SLOTS) return failure("no slot is free for account \"" + name + "\"", ENOSPC);
    const Json moved{{"slot", changed.slot}, {"uid", or_null(changed.uid)}};
    NP_TRY(core_.ledger.store().put(
        changed,
        {.events = {{.at_ms = now_ms(), .account = name, .kind = "made_way", .detail = moved.dump()}}, .audit = {}}));
    if (changed.slot != entry.account.slot) {
      if (const auto fresh = core_.reconciler.start_fresh(changed); !fresh) log_error(fresh.error().text);
    }
    core_.accounts.set(entry, std::move(changed));
    loss_->done.push_back("account " + name + " is none that the kernel holds; its counts begin anew, and its uid is " +
                          (entry.account.uid ? std::to_string(*entry.account.uid) : "nobody's"));
  }
  return {};
}

Result<std::string> Database::adopt(const Caller& caller, const HeldAccount& held) {
  const auto name = account_of_directory(held.directory);
  if (!name) return refused("name", "of an account cannot be this");
  NP_TRY(core_.editor.check_name_is_free(*name));
  if (loss_) NP_TRY(make_way_for(held));
  Account account{.name = *name,
                  .slot = held.slot ? *held.slot : core_.accounts.free_slot(),
                  .uid = held.uid,
                  .state = held.state,
                  .limits = held.limits,
                  .smtp = held.smtp.value_or(core_.config.default_smtp),
                  .mail = held.mail.value_or(core_.config.default_mail)};
  if (account.slot >= NP_SLOTS)
    return failure("this server holds " + std::to_string(NP_SLOTS) + " accounts already", ENOSPC);
  core_.editor.drop_refused_uid(account);
  account.uid_of_user = account.uid_of_user || !account.uid || core_.users.find(*name).uid == account.uid;
  const Json after = as_held(account);
  if (!held.slot)
    if (const auto fresh = core_.reconciler.start_fresh(account); !fresh)
      log_error("account " + *name + ": " + fresh.error().text + "; carrying on");
  NP_TRY(core_.ledger.commit(caller,
                             {.events = {event_now(name, "account_adopted", after)},
                              .audit = {audit_entry(caller, "account.adopt", name, "", nullptr, after)}},
                             [&](Store& store, const Notes& notes) { return store.put(account, notes); }));
  core_.editor.seek_uid(account);
  core_.enforcer.uids_changed();
  std::erase(core_.enforcer.orphans(), held.directory);
  core_.accounts.add(std::move(account));
  return "account " + *name + " is adopted from the kernel as it holds it";
}

std::string Database::loss_in_words() const {
  if (!loss_) return "database: accounts are missing from it; the kernel keeps what it has";
  return "database: accounts were lost with a damaged one at " + utc_time(loss_->found_ms) + "; " +
         (loss_->taken_over ? "what the kernel held is in it again" : "the kernel keeps what it has") +
         ": look at npanelctl accounts lost, and say npanelctl accounts confirm when they are right";
}

Result<void> Database::end_loss() {
  NP_TRY(forget_loss(core_.config.database));
  NP_TRY(core_.reconciler.forget_loss());
  loss_.reset();
  accounts_lost_ = false;
  note_doubt();
  return {};
}

LostAccounts Database::lost_accounts() {
  LostAccounts lost{.loss = loss_, .held = {}};
  for (HeldAccount& held : core_.reconciler.held())
    if (std::ranges::find(core_.enforcer.orphans(), held.directory) != core_.enforcer.orphans().end())
      lost.held.push_back(std::move(held));
  return lost;
}

Result<AccountView> Database::adopt(const Caller& caller, const std::string& name) {
  NP_TRY(core_.editor.check_name_is_free(name));
  for (const HeldAccount& held : core_.reconciler.held()) {
    if (held.directory != cgroup_directory(name)) continue;
    const std::string done = NP_TRY(adopt(caller, held));
    if (loss_) {
      loss_->done.push_back(done);
      keep_loss();
    }
    AccountEntry& entry = core_.accounts.all().at(name);
    core_.enforcer.apply(entry);
    return core_.editor.view(entry);
  }
  return failure("the kernel holds no account \"" + name + "\"", ENOENT);
}

// From here on the database is right, and what the kernel holds beside it is nobody's.
Result<LostAccounts> Database::confirm_accounts(const Caller& caller) {
  if (!loss_) return lost_accounts();
  take_over_held();
  if (!loss_->taken_over)
    return failure(
        "the kernel holds accounts that could not be taken over, or cannot be asked (npanelctl accounts lost): they "
        "would lose their limits",
        EBUSY);
  const Notes notes{.events = {}, .audit = {audit_entry(caller, "accounts.confirm", {}, "", loss_->done, nullptr)}};
  NP_TRY(core_.ledger.commit(caller, notes, [](Store& store, const Notes& with) { return store.append(with); }));
  NP_TRY(end_loss());
  log_info("the accounts are confirmed by " + caller.actor);
  core_.enforcer.apply_all();
  return lost_accounts();
}

}  // namespace npanel
