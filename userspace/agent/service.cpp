// SPDX-License-Identifier: Apache-2.0
// service.cpp: what the API asks of the agent.
#include <pwd.h>
#include <sys/utsname.h>

#include <algorithm>

#include "agent/agent.h"
#include "api/codec.h"
#include "base/clock.h"
#include "daemon/log.h"
#include "metrics/render.h"

namespace npanel {
namespace {

constexpr int kDyingMs = 500;  // how long a delete waits for processes to die; everybody else waits with it

Event event(const std::string& account, const char* kind, const Json& detail = Json::object()) {
  return {.at_ms = now_ms(), .account = account, .kind = kind, .detail = detail.dump()};
}

std::optional<uid_t> system_uid(const std::string& name) {
  const passwd* user = ::getpwnam(name.c_str());
  if (!user || !check_uid(user->pw_uid)) return std::nullopt;
  return user->pw_uid;
}

void log_change(const Event& change) {
  log_info("account " + *change.account + ": " + change.kind + " " + change.detail);
}

}  // namespace

AccountView Agent::view(const Entry& entry) const {
  return {.account = entry.account, .degraded = reconciler_.degraded(entry.account, entry.applied)};
}

Result<Agent::Entry*> Agent::find(const std::string& name) {
  const auto found = accounts_.find(name);
  if (found == accounts_.end()) return failure("there is no account \"" + name + "\"", ENOENT);
  return &found->second;
}

Result<Agent::Entry*> Agent::find_lasting(const std::string& name) {
  Entry* entry = NP_TRY(find(name));
  if (entry->account.state == AccountState::deleting)
    return failure("account \"" + name + "\" is being deleted", EBUSY);
  return entry;
}

std::vector<AccountView> Agent::accounts() {
  std::vector<AccountView> views;
  views.reserve(accounts_.size());
  for (const auto& [name, entry] : accounts_) views.push_back(view(entry));
  return views;
}

Result<AccountView> Agent::account(const std::string& name) {
  return view(*NP_TRY(find(name)));
}

uint32_t Agent::free_slot() const {
  uint32_t slot = 0;
  for (const auto& [taken, name] : slots_) {
    if (taken != slot) break;
    ++slot;
  }
  return slot;
}

Result<AccountView> Agent::create(Account wanted, bool find_uid) {
  const std::string name = wanted.name;
  if (accounts_.contains(name))
    return std::unexpected(Error{.text = "account \"" + name + "\" exists already", .code = EEXIST, .field = "name"});
  wanted.slot = free_slot();
  if (wanted.slot >= NP_SLOTS)
    return failure("this server holds " + std::to_string(NP_SLOTS) + " accounts already", ENOSPC);
  if (find_uid) wanted.uid = system_uid(name);
  const Event created = event(name, "account_created",
                              {{"uid", wanted.uid ? Json(*wanted.uid) : Json(nullptr)},
                               {"limits", encode(wanted.limits)},
                               {"rate_limit", encode(wanted.rate_limit)}});
  NP_TRY(store_.put(wanted, {&created, 1}));
  log_change(created);
  slots_.emplace(wanted.slot, name);
  Entry& entry = accounts_.emplace(name, Entry{.account = std::move(wanted), .applied = {}}).first->second;
  if (const auto fresh = reconciler_.start_fresh(entry.account); !fresh)
    log_error("account " + name + ": " + fresh.error().text + "; carrying on");
  reconcile(entry);
  return view(entry);
}

// Store, memory, kernel: in this order, so that a refusal of the store changes nothing.
Result<AccountView> Agent::save(Entry& entry, Account changed, std::span<const Event> events) {
  if (changed == entry.account) return view(entry);
  NP_TRY(store_.put(changed, events));
  for (const Event& change : events) log_change(change);
  entry.account = std::move(changed);
  reconcile(entry);
  return view(entry);
}

Result<AccountView> Agent::change(const std::string& name, const Limits& limits, const RateLimit& rate_limit) {
  Entry* entry = NP_TRY(find_lasting(name));
  const Account& now = entry->account;
  std::vector<Event> events;
  if (limits != now.limits)
    events.push_back(event(name, "limits_changed", {{"before", encode(now.limits)}, {"after", encode(limits)}}));
  if (rate_limit != now.rate_limit)
    events.push_back(
        event(name, "rate_limit_changed", {{"before", encode(now.rate_limit)}, {"after", encode(rate_limit)}}));
  Account changed = now;
  changed.limits = limits;
  changed.rate_limit = rate_limit;
  return save(*entry, std::move(changed), events);
}

Result<AccountView> Agent::set_state(const std::string& name, AccountState state, const char* kind) {
  Entry* entry = NP_TRY(find_lasting(name));
  Account changed = entry->account;
  changed.state = state;
  const Event what = event(name, kind);
  return save(*entry, std::move(changed), {&what, 1});
}

Result<AccountView> Agent::suspend(const std::string& name) {
  return set_state(name, AccountState::suspended, "suspended");
}
Result<AccountView> Agent::resume(const std::string& name) {
  return set_state(name, AccountState::active, "resumed");
}

Result<std::optional<AccountView>> Agent::remove(const std::string& name) {
  Entry* entry = NP_TRY(find(name));
  if (entry->account.state != AccountState::deleting) {
    Account changed = entry->account;
    changed.state = AccountState::deleting;
    NP_TRY(store_.put(changed, {}));
    entry->account = std::move(changed);
    deleting_.insert(name);
  }
  const auto gone = finish_removal(*entry, kDyingMs);
  if (!gone) log_error("account " + name + ": " + gone.error().text + "; deletion goes on");
  if (gone && *gone) return std::nullopt;
  return view(*entry);
}

Result<std::vector<pid_t>> Agent::processes(const std::string& name) {
  return reconciler_.processes(NP_TRY(find(name))->account);
}

Result<void> Agent::add_process(const std::string& name, pid_t pid) {
  Entry* entry = NP_TRY(find_lasting(name));
  NP_TRY(reconciler_.add_process(entry->account, pid));
  const Event added = event(name, "process_added", {{"pid", pid}});
  log_change(added);
  save_events({&added, 1});
  return {};
}

Result<std::map<uint64_t, const np_usage*>> Agent::walk() {
  std::map<uint64_t, const np_usage*> by_cgroup;
  if (!reconciler_.usage()) return by_cgroup;
  for (const np_usage& row : NP_TRY(reconciler_.usage()->walk())) by_cgroup.emplace(row.cgroup_id, &row);
  return by_cgroup;
}

AccountStats Agent::stats_of(const Entry& entry, const std::map<uint64_t, const np_usage*>& usage) {
  AccountStats stats;
  stats.account = &entry.account;
  if (entry.applied.cgroup_id)
    if (const auto row = usage.find(*entry.applied.cgroup_id); row != usage.end()) stats.usage = *row->second;
  if (reconciler_.smtp()) stats.smtp = reconciler_.smtp()->count(entry.account.slot);
  stats.degraded = reconciler_.degraded(entry.account, entry.applied).size();
  return stats;
}

Result<std::vector<AccountStats>> Agent::stats() {
  const auto usage = NP_TRY(walk());
  heap_has_holes_ = true;
  std::vector<AccountStats> all;
  all.reserve(accounts_.size());
  for (const auto& [name, entry] : accounts_) all.push_back(stats_of(entry, usage));
  return all;
}

Result<AccountStats> Agent::stats(const std::string& name) {
  const Entry* entry = NP_TRY(find(name));
  return stats_of(*entry, NP_TRY(walk()));
}

Result<std::vector<Event>> Agent::events(const std::optional<std::string>& account, int limit) {
  return store_.events(account, limit);
}

Result<std::vector<Failure>> Agent::failures(int limit) {
  return store_.failures(limit);
}

AgentStatus Agent::status() {
  utsname kernel{};
  ::uname(&kernel);
  return {.version = version_,
          .kernel = kernel.release,
          .started = started_,
          .accounts = accounts_.size(),
          .cgroup_path = config_.cgroup_mount + "/" + config_.cgroup_path,
          .controllers = reconciler_.host().controllers,
          .usage_reason = reconciler_.usage_reason(),
          .smtp_reason = reconciler_.smtp_reason(),
          .smtp_ports = config_.smtp_ports,
          .smtp = reconciler_.smtp() ? reconciler_.smtp()->total() : np_smtp_total{},
          .reconcile = figures_,
          .orphans = orphans_};
}

std::vector<std::string> Agent::complaints() {
  std::vector<std::string> complaints;
  if (read_only_) complaints.push_back("database: changes are refused: " + *read_only_);
  if (!store_complaint_.empty()) complaints.push_back("database: " + store_complaint_);
  if (accounts_lost_) complaints.emplace_back("database: accounts are missing from it; the kernel keeps what it has");
  if (reconciler_.smtp_reason()) complaints.push_back("smtp: " + *reconciler_.smtp_reason());
  if (reconciler_.usage_reason()) complaints.push_back("usage: " + *reconciler_.usage_reason());
  for (const std::string_view controller : kControllers)
    if (!reconciler_.host().controllers.contains(controller))
      complaints.push_back("cgroup v2 offers no " + std::string(controller) + " controller");
  const auto failing =
      std::ranges::count_if(accounts_, [](const auto& named) { return !named.second.applied.problems.empty(); });
  if (failing > 0) complaints.push_back(std::to_string(failing) + " accounts have limits that could not be applied");
  return complaints;
}

Result<std::string> Agent::metrics() {
  return render_metrics(NP_TRY(stats()), status());
}

}  // namespace npanel
