// SPDX-License-Identifier: Apache-2.0
// account_users.cpp: what hangs on an account's name and on its uid, and what follows when either changes?
#include <algorithm>

#include "base/clock.h"
#include "core/core.h"
#include "daemon/log.h"

namespace npanel {
namespace {

constexpr size_t kAskedAtOnce = 4;  // users a second, each a process of npanel-helper, which has room for others, too
constexpr size_t kNewest = 16;      // accounts whose user is most likely to come now

}  // namespace

// An account that has none of its own user's is looked after until that user is there.
void AccountEditor::seek_uid(const Account& account) {
  const bool seeks = account.uid_of_user && !account.uid && account.state != AccountState::deleting;
  if (!seeks) {
    seeking_.erase(account.name);
  } else if (seeking_.try_emplace(account.name).second) {
    newest_seeking_.push_front(account.name);
    if (newest_seeking_.size() > kNewest) newest_seeking_.pop_back();
  }
}

std::optional<std::string> AccountEditor::why_no_uid(const std::string& account) const {
  const auto sought = seeking_.find(account);
  if (sought == seeking_.end()) return std::nullopt;
  std::string why = sought->second;
  if (why.empty())
    why = core_.users.is_waited_for(account) ? "not known yet: no name service has answered"
                                             : "no system user " + account + " is known";
  return "uid: " + why + "; processes outside the cgroup are nobody's";
}

// Once a second. This host's own file costs a stat() while nobody changes it; a name service is asked for one
// account in turn, and for the newest, four a second in all.
void AccountEditor::find_users() {
  if (const auto users = core_.users.changed_users())
    for (const auto& [name, entry] : core_.accounts.all())
      if (const auto user = users->find(name); user != users->end()) hear_of_user(entry.account, user->second);
  size_t asked = 0;
  const auto ask = [&](const std::string& name) {
    if (asked >= kAskedAtOnce || core_.users.waiting() >= kAskedAtOnce || !core_.users.is_due(name)) return;
    ++asked;
    core_.users.ask_service(name);
  };
  auto next = seeking_.upper_bound(sought_to_);
  if (next == seeking_.end()) next = seeking_.begin();
  if (next == seeking_.end()) return;
  sought_to_ = next->first;
  ask(sought_to_);
  for (const std::string& name : newest_seeking_)
    if (seeking_.contains(name)) ask(name);
}

// Each is a write to the disk: between requests, one at a time.
void AccountEditor::hear_of_user(const Account& account, uid_t uid) {
  if (!account.uid_of_user || account.uid == uid || account.state == AccountState::deleting) return;
  if (heard_of_.empty()) core_.jobs.scheduler().add([this] { return take_next_uid(); });
  heard_of_.insert_or_assign(account.name, uid);
}

bool AccountEditor::take_next_uid() {
  if (heard_of_.empty()) return false;  // it was renamed meanwhile
  const auto heard = heard_of_.extract(heard_of_.begin());
  const auto entry = core_.accounts.all().find(heard.key());
  // What an administrator said meanwhile stays.
  if (entry != core_.accounts.all().end() && entry->second.account.uid_of_user &&
      entry->second.account.uid != heard.mapped() && entry->second.account.state != AccountState::deleting)
    take_uid(entry->second, heard.mapped());
  return !heard_of_.empty();
}

void AccountEditor::take_uid(AccountEntry& entry, uid_t uid) {
  const std::string name = entry.account.name;
  const auto leave = [&](const std::string& why) {
    if (const auto sought = seeking_.find(name); sought == seeking_.end() || sought->second != why)
      log_warning("account " + name + ": uid: " + why);
    if (seeking_.contains(name)) seeking_[name] = why;
  };
  const std::string user = "the system user " + name + " has uid " + std::to_string(uid);
  if (!check_uid(uid, core_.config.least_uid)) {
    leave(user + ", which is no account's (accounts.least_uid)");
    return;
  }
  Account changed = entry.account;
  changed.uid = uid;
  const Json before{{"uid", or_null(entry.account.uid)}};
  const Json after{{"uid", uid}};
  const Caller caller = agent_itself();
  const auto saved =
      save(caller, entry, std::move(changed),
           {.events = {{.at_ms = now_ms(), .account = name, .kind = "uid_found", .detail = after.dump()}},
            .audit = {audit_entry(caller, "account.uid", name, "", before, after)}});
  if (saved) return;
  if (saved.error().code == EEXIST) {
    leave(user + ", which is another account's");
    return;
  }
  core_.ledger.complain(saved.error());
  core_.users.look_again();
}

// The kernel's maps, before they learn of the new one.
void AccountEditor::leave_uid(const Account& before, const Account& after) {
  if (before.uid == after.uid) return;
  if (const auto forgotten = core_.reconciler.forget_uid(before); !forgotten)
    log_error("account " + before.name + ": " + forgotten.error().text + "; carrying on");
  core_.enforcer.uids_changed();
  core_.users.look_again();  // who could not have this uid, may
}

// A uid that an earlier version took, or another accounts.least_uid: nobody's processes are no account's.
void AccountEditor::drop_refused_uid(Account& account) const {
  if (!account.uid) return;
  const auto fits = check_uid(*account.uid, core_.config.least_uid);
  if (fits) return;
  log_warning("account " + account.name + ": " + fits.error().text + "; it is without a uid");
  account.uid.reset();
  account.uid_of_user = true;
}

Result<void> AccountEditor::check_name_is_free(const std::string& name) const {
  const auto taken = [&](std::string text, int code) {
    return std::unexpected(Error{.text = std::move(text), .code = code, .field = "name"});
  };
  if (core_.accounts.all().contains(name)) return taken("account \"" + name + "\" exists already", EEXIST);
  for (const std::string& other : core_.accounts.in_former_directory())
    if (core_.accounts.all().at(other).account.directory == cgroup_directory(name))
      return taken("the cgroup of that name is still account \"" + other +
                       "\"'s, which was renamed while something ran in it; drain it first",
                   EBUSY);
  return {};
}

// A cgroup v2 directory cannot be renamed, and moved processes would leave behind the memory that they are charged for.
// So the cgroup stays where it is until nothing is in it: no limit and no figure notices anything.
Result<AccountView> AccountEditor::rename(const Caller& caller, AccountEntry& entry, Account changed,
                                          const Notes& notes) {
  const std::string from = entry.account.name;
  const std::string to = changed.name;
  NP_TRY(check_name_is_free(to));
  NP_TRY(refuse_while_drained(from));
  for (Room* room : core_.rooms) room->account_leaves(entry.account);
  const std::string directory = cgroup_directory(entry.account);
  changed.directory = directory == cgroup_directory(to) ? std::nullopt : std::optional(directory);
  NP_TRY(core_.ledger.commit(caller, notes,
                             [&](Store& store, const Notes& with) { return store.rename(from, changed, with); }));
  leave_uid(entry.account, changed);
  AccountEntry& renamed = core_.accounts.rename(from, std::move(changed));
  core_.features.rename_account(from, to);
  core_.lowering.forget(from);
  for (Room* room : core_.rooms) room->account_renamed(from, to);
  seeking_.erase(from);
  heard_of_.erase(from);
  seek_uid(renamed.account);
  core_.enforcer.uids_changed();
  core_.users.look_again();
  core_.enforcer.leave_directory(renamed);
  core_.enforcer.apply(renamed);
  return view(renamed);
}

void AccountEditor::take_user(const std::string& user) {
  if (const auto entry = core_.accounts.all().find(user);
      entry != core_.accounts.all().end() && seeking_.contains(user))
    if (const Users::Found found = core_.users.ask_service(user); found.uid)
      hear_of_user(entry->second.account, *found.uid);
  const auto names = [&](const std::vector<std::string>& users) {
    return std::ranges::find(users, user) != users.end();
  };
  if (!names(core_.config.smtp_exempt_users) && !names(core_.config.mta_users)) return;
  if (!core_.users.find(user).uid) return;
  if (names(core_.config.smtp_exempt_users)) core_.enforcer.retry_rules();
  for (Room* room : core_.rooms) room->configured();
}

}  // namespace npanel
