// SPDX-License-Identifier: Apache-2.0
// provisioning.cpp: what hangs on an account's name and on its uid, and what follows when either changes?
#include <algorithm>

#include "agent/agent.h"
#include "api/codec.h"
#include "base/clock.h"
#include "daemon/log.h"

namespace npanel {
namespace {

constexpr size_t kAskedAtOnce = 4;  // users a second, each a process of npanel-helper, which has room for others, too
constexpr size_t kNewest = 16;      // accounts whose user is most likely to come now

template <class Map>
void move_key(Map& map, const std::string& from, const std::string& to) {
  map.erase(to);
  auto moved = map.extract(from);
  if (moved.empty()) return;
  moved.key() = to;
  map.insert(std::move(moved));
}

void move_name(std::set<std::string>& names, const std::string& from, const std::string& to) {
  names.erase(to);
  if (names.erase(from) > 0) names.insert(to);
}

}  // namespace

// An account that has none of its own user's is looked after until that user is there.
void Agent::seek_uid(const Account& account) {
  const bool seeks = account.uid_of_user && !account.uid && account.state != AccountState::deleting;
  if (!seeks) {
    seeking_.erase(account.name);
  } else if (seeking_.try_emplace(account.name).second) {
    newest_seeking_.push_front(account.name);
    if (newest_seeking_.size() > kNewest) newest_seeking_.pop_back();
  }
}

std::optional<std::string> Agent::why_no_uid(const std::string& account) const {
  const auto sought = seeking_.find(account);
  if (sought == seeking_.end()) return std::nullopt;
  std::string why = sought->second;
  if (why.empty())
    why = users_.is_waited_for(account) ? "not known yet: no name service has answered"
                                        : "no system user " + account + " is known";
  return "uid: " + why + "; processes outside the cgroup are nobody's";
}

// Once a second. This host's own file costs a stat() while nobody changes it; a name service is asked for one
// account in turn, and for the newest, four a second in all.
void Agent::find_users() {
  if (const auto users = users_.changed_users())
    for (const auto& [name, entry] : accounts_)
      if (const auto user = users->find(name); user != users->end()) hear_of_user(entry.account, user->second);
  size_t asked = 0;
  const auto ask = [&](const std::string& name) {
    if (asked >= kAskedAtOnce || users_.waiting() >= kAskedAtOnce || !users_.is_due(name)) return;
    ++asked;
    users_.ask_service(name);
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
void Agent::hear_of_user(const Account& account, uid_t uid) {
  if (!account.uid_of_user || account.uid == uid || account.state == AccountState::deleting) return;
  if (heard_of_.empty()) jobs_.scheduler().add([this] { return take_next_uid(); });
  heard_of_.insert_or_assign(account.name, uid);
}

bool Agent::take_next_uid() {
  if (heard_of_.empty()) return false;  // it was renamed meanwhile
  const auto heard = heard_of_.extract(heard_of_.begin());
  const auto entry = accounts_.find(heard.key());
  // What an administrator said meanwhile stays.
  if (entry != accounts_.end() && entry->second.account.uid_of_user && entry->second.account.uid != heard.mapped() &&
      entry->second.account.state != AccountState::deleting)
    take_uid(entry->second, heard.mapped());
  return !heard_of_.empty();
}

void Agent::take_uid(Entry& entry, uid_t uid) {
  const std::string name = entry.account.name;
  const auto leave = [&](const std::string& why) {
    if (const auto sought = seeking_.find(name); sought == seeking_.end() || sought->second != why)
      log_warning("account " + name + ": uid: " + why);
    if (seeking_.contains(name)) seeking_[name] = why;
  };
  const std::string user = "the system user " + name + " has uid " + std::to_string(uid);
  if (!check_uid(uid, config_.least_uid)) {
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
  ledger_.complain(saved.error());
  users_.look_again();
}

// The kernel's maps, before they learn of the new one.
void Agent::leave_uid(const Account& before, const Account& after) {
  if (before.uid == after.uid) return;
  if (const auto forgotten = reconciler_.forget_uid(before); !forgotten)
    log_error("account " + before.name + ": " + forgotten.error().text + "; carrying on");
  subuids_.look_again();
  users_.look_again();  // who could not have this uid, may
}

// A uid that an earlier version took, or another accounts.least_uid: nobody's processes are no account's.
void Agent::drop_refused_uid(Account& account) const {
  if (!account.uid) return;
  const auto fits = check_uid(*account.uid, config_.least_uid);
  if (fits) return;
  log_warning("account " + account.name + ": " + fits.error().text + "; it is without a uid");
  account.uid.reset();
  account.uid_of_user = true;
}

Result<void> Agent::check_name_is_free(const std::string& name) const {
  const auto taken = [&](std::string text, int code) {
    return std::unexpected(Error{.text = std::move(text), .code = code, .field = "name"});
  };
  if (accounts_.contains(name)) return taken("account \"" + name + "\" exists already", EEXIST);
  for (const std::string& other : renamed_)
    if (accounts_.at(other).account.directory == cgroup_directory(name))
      return taken("the cgroup of that name is still account \"" + other +
                       "\"'s, which was renamed while something ran in it; drain it first",
                   EBUSY);
  return {};
}

// A cgroup v2 directory cannot be renamed, and moved processes would leave behind the memory that they are charged for.
// So the cgroup stays where it is until nothing is in it: no limit and no figure notices anything.
Result<AccountView> Agent::rename(const Caller& caller, Entry& entry, Account changed, const Notes& notes) {
  const std::string from = entry.account.name;
  const std::string to = changed.name;
  NP_TRY(check_name_is_free(to));
  NP_TRY(refuse_while_drained(from));
  // What waits to be told happened to the old name, and follows with the rest.
  take_refusals();
  flush_refusals(true);
  flush_mail();
  const std::string directory = cgroup_directory(entry.account);
  changed.directory = directory == cgroup_directory(to) ? std::nullopt : std::optional(directory);
  NP_TRY(ledger_.commit(caller, notes,
                        [&](Store& store, const Notes& with) { return store.rename(from, changed, with); }));
  accounts_.insert([&] {
    auto moved = accounts_.extract(from);
    moved.key() = to;
    return moved;
  }());
  slots_[changed.slot] = to;
  features_.rename_account(from, to);
  deliveries_.rename(from, to);
  lowering_.forget(from);
  move_key(mail_.decisions, from, to);
  move_key(mail_.notices, from, to);
  move_name(mail_.decisions_unsaved, from, to);
  move_name(mail_.raised, from, to);
  move_name(mail_.inherited, from, to);
  move_name(renamed_, from, to);
  seeking_.erase(from);
  heard_of_.erase(from);
  leave_uid(entry.account, changed);
  entry.account = std::move(changed);
  if (entry.account.directory) renamed_.insert(to);
  seek_uid(entry.account);
  subuids_.look_again();
  users_.look_again();
  leave_directory(entry);
  reconcile(entry);
  return view(entry);
}

// True when its cgroup is where its name says from now on.
bool Agent::leave_directory(Entry& entry) {
  if (!entry.account.directory) return true;
  const auto left = reconciler_.leave_directory(*entry.account.directory);
  if (!left || !*left) return false;
  Account changed = entry.account;
  changed.directory.reset();
  if (const auto saved = ledger_.store().put(changed, {}); !saved) {
    ledger_.complain(saved.error());
    return false;
  }
  entry.account = std::move(changed);
  renamed_.erase(entry.account.name);
  return true;
}

void Agent::finish_renames() {
  for (const std::string& name : std::vector(renamed_.begin(), renamed_.end())) {
    Entry& entry = accounts_.at(name);
    if (entry.account.state != AccountState::deleting && leave_directory(entry)) reconcile(entry);
  }
}

}  // namespace npanel
