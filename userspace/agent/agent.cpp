// SPDX-License-Identifier: Apache-2.0
#include "agent/agent.h"

#include <malloc.h>
#include <unistd.h>

#include <algorithm>

#include "api/codec.h"
#include "base/clock.h"
#include "daemon/log.h"
#include "store/files.h"

namespace npanel {
namespace {

using Steady = std::chrono::steady_clock;

constexpr uint64_t kRetryEvery = 5;      // seconds
constexpr uint64_t kTrimHeapEvery = 10;  // seconds

std::set<std::string> directories_of(const auto& accounts) {
  std::set<std::string> directories;
  for (const auto& [name, entry] : accounts) directories.insert(cgroup_directory(entry.account));
  return directories;
}

}  // namespace

Result<std::unique_ptr<Agent>> Agent::start(const LoadedConfig& loaded, const ConfigSources& sources,
                                            std::string version) {
  const Config& config = loaded.config;
  const bool absent = !exists(config.database);
  Opened opened = NP_TRY(open_or_recover(config.database, config.scratch_directory()));
  // A database that begins empty on a server whose kernel holds features was lost, and lost with it what was switched
  // on.
  const bool knows_nothing = opened.accounts_lost || (absent && opened.repairs.empty());
  const auto features = knows_nothing ? std::nullopt : std::optional(NP_TRY(stored_features(opened.store)));
  std::unique_ptr<Agent> agent(new Agent(loaded, sources, std::move(version), std::move(opened.store), features));
  agent->report(opened);
  agent->features_unknown_ = !features;
  if (!features) agent->take_features_from_kernel();
  agent->foreign_changes_ = agent->ledger_.store().foreign_changes().value_or(0);
  NP_TRY(agent->load_accounts());
  agent->go_on_living();
  agent->check_clock();
  agent->recall_loss(absent && opened.repairs.empty());
  agent->open_netlink();
  agent->deliveries_.configure(agent->config_);
  agent->go_on_with_smtp();
  agent->tell_of_missing();
  for (const std::string_view controller : kControllers)
    if (!agent->reconciler_.host().controllers.contains(controller))
      log_warning("cgroup v2 offers no " + std::string(controller) +
                  " controller; accounts are degraded (npanelctl doctor)");
  agent->reconcile_all();
  agent->refresh_subuids();
  agent->watch_overhead();
  agent->note_first_configuration(loaded.files);
  agent->heap_has_holes_ = true;  // reading the kernel's types was large, too
  return agent;
}

Result<void> Agent::load_accounts() {
  accounts_.clear();
  slots_.clear();
  deleting_.clear();
  seeking_.clear();
  renamed_.clear();
  for (Account& account : NP_TRY(ledger_.store().accounts())) {
    if (account.slot >= NP_SLOTS)
      return failure("account \"" + account.name + "\" has slot " + std::to_string(account.slot) + ", of " +
                     std::to_string(NP_SLOTS));
    slots_.emplace(account.slot, account.name);
    if (account.state == AccountState::deleting) deleting_.insert(account.name);
    if (account.raise) mail_.raised.insert(account.name);
    drop_refused_uid(account);
    seek_uid(account);
    if (account.directory) renamed_.insert(account.name);
    const std::string name = account.name;
    accounts_.emplace(name, Entry{.account = std::move(account), .applied = {}});
  }
  for (auto& [name, decisions] : NP_TRY(ledger_.store().mail_decisions()))
    if (!mail_.decisions_unsaved.contains(name)) {
      if (decisions.throttle && !mail_.decisions.contains(name)) mail_.inherited.insert(name);
      mail_.decisions.insert_or_assign(name, decisions);
    }
  users_.look_again();
  return {};
}

void Agent::reconcile_all() {
  const auto start = Steady::now();
  std::vector<SmtpGuard::Owner> owners;
  for (auto& [name, entry] : accounts_) {
    // What is being deleted keeps its limits until its last process is gone, but nothing is made for it anew.
    if (entry.account.state != AccountState::deleting) {
      leave_directory(entry);  // after a reboot there is nothing in it
      reconcile(entry);
    }
    owners.push_back({.cgroup_id = reconciler_.cgroup_id(cgroup_directory(entry.account)), .uid = entry.account.uid});
  }
  orphans_ = reconciler_.orphans(directories_of(accounts_), may_lack_accounts());
  for (const std::string& name : orphans_) {
    log_warning("cgroup " + name + " belongs to no account of the database; it and its limits are left alone");
    owners.push_back({.cgroup_id = reconciler_.cgroup_id(name), .uid = {}, .stranger = true});
  }
  if (!may_lack_accounts()) {
    if (const auto forgotten = reconciler_.forget_all_but(owners))
      figures_.writes += static_cast<uint64_t>(*forgotten);
    else
      log_error("old map entries: " + forgotten.error().text + "; carrying on");
  }
  // What still speaks of a slot would speak of its next owner.
  if (reconciler_.smtp())
    for (const uint32_t slot : reconciler_.smtp()->used_slots()) slots_.emplace(slot, "");
  figures_.full_seconds = std::chrono::duration<double>(Steady::now() - start).count();
  log_info(std::to_string(accounts_.size()) + " accounts compared with the kernel in " +
           std::to_string(figures_.full_seconds) + " s, " + std::to_string(figures_.writes) + " writes");
}

void Agent::reconcile_some() {
  if (applying_) return;  // which looks at all of them
  auto next = accounts_.upper_bound(reconciled_to_);
  for (uint64_t done = 0; done < config_.reconcile_per_second && done < accounts_.size(); ++done) {
    if (next == accounts_.end()) next = accounts_.begin();
    if (next->second.account.state != AccountState::deleting) {
      reconcile(next->second);
      if (const int writes = next->second.applied.writes; writes > 0)
        log_warning("account " + next->first + ": " + std::to_string(writes) +
                    " settings had been changed by others and were restored");
    }
    reconciled_to_ = next->first;
    ++next;
  }
}

void Agent::reconcile(Entry& entry) {
  const Overhead::Meter meter(overhead_, NP_CGROUPS_ISOLATION);
  const std::vector<std::string> before = entry.applied.problems;
  entry.applied = reconciler_.apply(entry.account, effective_mail(entry.account), features_, entry.applied);
  ++figures_.passes;
  figures_.writes += static_cast<uint64_t>(entry.applied.writes);
  if (!entry.applied.problems.empty()) ++figures_.errors;
  report_new_problems(entry, before);
}

void Agent::recount_open() {
  if (!reconciler_.smtp()) return;
  const Overhead::Meter meter(overhead_, NP_EMAIL_RATE_LIMITING);
  const auto corrected = reconciler_.smtp()->recount_open();
  if (!corrected)
    log_error(corrected.error().text + "; tried again every second");
  else if (*corrected > 0)
    log_warning("open SMTP connections of " + std::to_string(*corrected) +
                " accounts were miscounted and are corrected");
}

void Agent::refresh_subuids() {
  if (!reconciler_.smtp() || !subuids_.is_stale()) return;
  std::vector<Subuids::Account> accounts;
  for (const auto& [name, entry] : accounts_)
    accounts.push_back({.name = name, .slot = entry.account.slot, .uid = entry.account.uid});
  if (const auto set = reconciler_.smtp()->set_subuids(subuids_.owners(accounts)); !set) {
    subuids_.look_again();
    log_error("subordinate uids: " + set.error().text + "; tried again every second");
  }
  for (const std::string& complaint : subuids_.take_complaints())
    log_warning(complaint + "; its processes are nobody's");
}

void Agent::report_new_problems(const Entry& entry, const std::vector<std::string>& before) {
  std::vector<Event> events;
  for (const std::string& problem : entry.applied.problems) {
    if (std::ranges::find(before, problem) != before.end()) continue;
    log_error("account " + entry.account.name + ": " + problem + "; tried again with every pass");
    events.push_back({.at_ms = now_ms(),
                      .account = entry.account.name,
                      .kind = "apply_failed",
                      .detail = Json{{"reason", problem}}.dump(-1, ' ', true, Json::error_handler_t::replace)});
  }
  if (!events.empty()) ledger_.note({.events = std::move(events), .audit = {}});
}

Result<bool> Agent::finish_removal(Entry& entry, int wait_ms) {
  const std::string name = entry.account.name;
  if (!NP_TRY(reconciler_.remove(entry.account, entry.applied, wait_ms))) return false;
  // What was refused to it must not be told of whoever has its slot, or its name, next.
  take_refusals();
  flush_refusals(true);
  flush_mail();
  NP_TRY(ledger_.store().erase(
      name,
      {.events = {{.at_ms = now_ms(), .account = name, .kind = "account_deleted", .detail = "{}"}}, .audit = {}}));
  log_info("account " + name + ": deleted");
  slots_.erase(entry.account.slot);
  mail_.decisions.erase(name);
  mail_.decisions_unsaved.erase(name);
  mail_.inherited.erase(name);
  mail_.notices.erase(name);
  subuids_.look_again();
  deliveries_.forget(name);
  deleting_.erase(name);
  seeking_.erase(name);
  renamed_.erase(name);
  users_.look_again();  // who could not have this uid, may
  lowering_.forget(name);
  features_.forget_account(name);
  accounts_.erase(name);
  return true;
}

// Not "changed by others": the pass brings every account's limits to the devices that there are now.
void Agent::refresh_devices() {
  if (!reconciler_.look_for_devices()) return;
  std::string list;
  for (const std::string& device : reconciler_.host().devices) list += " " + device;
  log_info("I/O is limited at the devices" + (list.empty() ? " (none)" : list));
  if (!accounts_.empty()) apply_to_all("other devices are limited now");
}

void Agent::tick() {
  check_clock();  // before whatever goes by it
  retry_missing();
  retry_rules();
  refresh_devices();
  for (const std::string& name : std::vector(deleting_.begin(), deleting_.end()))
    if (const auto gone = finish_removal(accounts_.at(name), 0); !gone)
      log_error("account " + name + ": " + gone.error().text + "; deletion goes on");
  notice_foreign_changes();
  if (const auto set = reconciler_.set_features(features_.kernel()); set && *set > 0)
    log_warning("features in the kernel had been changed by others and were restored");
  reconcile_some();
  refresh_subuids();
  recount_open();
  users_.retry();
  find_users();
  finish_renames();
  jobs_.scheduler().each_second();
  take_refusals();
  flush_refusals();
  mail_every_second();
  enforce_overhead();
  maintain_database();
  ledger_.write_waiting();
  if (ticks_ % kRetryEvery == 0) import_failures();
  // An answer about thousands of accounts and the check of a backup are megabytes in pieces that malloc would keep; and
  // what was given back, it takes again some seconds later.
  if (std::exchange(heap_has_holes_, false) || ticks_ % kTrimHeapEvery == 0) ::malloc_trim(0);
  ++ticks_;
}

void Agent::on_smtp(std::function<void(int)> tell) {
  tell_smtp_ = std::move(tell);
  if (reconciler_.smtp()) tell_smtp_(reconciler_.smtp()->refusals_fd());
}

void Agent::work() {
  jobs_.scheduler().run();
}

void Agent::take_refusals() {
  if (!reconciler_.smtp()) return;
  const Overhead::Meter meter(overhead_, NP_EMAIL_RATE_LIMITING);
  const Look look = [this](const np_smtp_refusal& refusal, Seen seen) { look_for(refusal, std::move(seen)); };
  const auto drained = reconciler_.smtp()->drain_refusals(
      [this, &look](const np_smtp_refusal& refusal) { refusals_.add(refusal, look); });
  if (!drained) log_error(drained.error().text + "; carrying on");
}

// The slot's owner has only so many lookers at once: who makes them hang has no others.
void Agent::look_for(const np_smtp_refusal& refusal, Seen seen) {
  constexpr auto kPatience = std::chrono::seconds(1);
  if (overhead_.shed(NP_EMAIL_RATE_LIMITING) > 0) {
    seen({.missing = "shed"});
    return;
  }
  helper_.ask({.what = Ask::process,
               .owner = refusal.slot,
               .pid = static_cast<pid_t>(refusal.pid),
               .start_ns = refusal.start_ns},
              kPatience, [seen = std::move(seen)](const Answer& answer) { seen(evidence_of(answer)); });
}

void Agent::flush_refusals(bool all) {
  const Overhead::Meter meter(overhead_, NP_EMAIL_RATE_LIMITING);
  std::vector<Event> events = refusals_.take([this](uint32_t slot) { return owner_of_slot(slot); }, all);
  if (events.empty()) return;
  for (const Event& event : events) log_warning("account " + *event.account + ": " + event.kind + " " + event.detail);
  queue_notices(events);
  ledger_.note({.events = std::move(events), .audit = {}});
}

void Agent::watch_overhead() {
  if (const UsageWalk* usage = reconciler_.usage())
    overhead_.watch(NP_CGROUPS_ISOLATION, {.programs = usage->program_fds(), .maps = usage->map_fds()});
  const SmtpGuard* smtp = reconciler_.smtp();
  if (!smtp) return;
  KernelCost::Objects mail{.programs = smtp->program_fds(), .maps = smtp->map_fds()};
  if (const ConnectionOpeners* openers = reconciler_.openers()) {
    for (const int fd : openers->program_fds()) mail.programs.push_back(fd);
    for (const int fd : openers->map_fds()) mail.maps.push_back(fd);
  }
  overhead_.watch(NP_EMAIL_RATE_LIMITING, mail);
}

}  // namespace npanel
