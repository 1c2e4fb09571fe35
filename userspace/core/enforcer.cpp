// SPDX-License-Identifier: Apache-2.0
#include "core/enforcer.h"

#include <algorithm>
#include <chrono>

#include "base/clock.h"
#include "core/core.h"
#include "daemon/log.h"

namespace npanel {
namespace {

using Steady = std::chrono::steady_clock;

constexpr const char* kApply = "apply";

std::set<std::string> directories_of(const Accounts& accounts) {
  std::set<std::string> directories;
  for (const auto& [name, entry] : accounts.all()) directories.insert(cgroup_directory(entry.account));
  return directories;
}

std::string of(size_t done, size_t total) {
  return std::to_string(done) + " of " + std::to_string(total);
}

}  // namespace

EffectiveLimits Enforcer::effective(const Account& account) const {
  EffectiveLimits now{.limits = account.limits, .smtp = account.smtp, .mail = account.mail};
  for (const Room* room : core_.rooms) room->adjust(account, now);
  return now;
}

std::vector<std::string> Enforcer::reasons(const Account& account) const {
  std::vector<std::string> reasons = reasons_of_features(account.name, core_.features);
  for (const Room* room : core_.rooms) room->add_reasons(account, reasons);
  return reasons;
}

void Enforcer::apply(AccountEntry& entry) {
  const Overhead::Meter meter(core_.overhead, NP_CGROUPS_ISOLATION);
  const std::vector<std::string> before = entry.applied.problems;
  entry.applied = core_.reconciler.apply(entry.account, effective(entry.account).mail, core_.features, entry.applied);
  ++figures_.passes;
  figures_.writes += static_cast<uint64_t>(entry.applied.writes);
  if (!entry.applied.problems.empty()) ++figures_.errors;
  report_new_problems(entry, before);
}

void Enforcer::apply_all() {
  const auto start = Steady::now();
  std::vector<Identity::Owner> owners;
  for (auto& [name, entry] : core_.accounts.all()) {
    // What is being deleted keeps its limits until its last process is gone, but nothing is made for it anew.
    if (entry.account.state != AccountState::deleting) {
      leave_directory(entry);  // after a reboot there is nothing in it
      apply(entry);
    }
    owners.push_back(
        {.cgroup_id = core_.reconciler.cgroup_id(cgroup_directory(entry.account)), .uid = entry.account.uid});
  }
  orphans_ = core_.reconciler.orphans(directories_of(core_.accounts), core_.may_lack_accounts);
  for (const std::string& name : orphans_) {
    log_warning("cgroup " + name + " belongs to no account of the database; it and its limits are left alone");
    owners.push_back({.cgroup_id = core_.reconciler.cgroup_id(name), .uid = {}, .stranger = true});
  }
  if (!core_.may_lack_accounts) {
    if (const auto forgotten = core_.reconciler.forget_all_but(owners))
      figures_.writes += static_cast<uint64_t>(*forgotten);
    else
      log_error("old map entries: " + forgotten.error().text + "; carrying on");
  }
  // What still speaks of a slot would speak of its next owner.
  if (core_.reconciler.smtp())
    for (const uint32_t slot : core_.reconciler.smtp()->identity.used_slots()) core_.accounts.withhold(slot);
  figures_.full_seconds = std::chrono::duration<double>(Steady::now() - start).count();
  log_info(std::to_string(core_.accounts.all().size()) + " accounts compared with the kernel in " +
           std::to_string(figures_.full_seconds) + " s, " + std::to_string(figures_.writes) + " writes");
}

void Enforcer::apply_some() {
  if (applying_) return;  // which looks at all of them
  auto next = core_.accounts.all().upper_bound(applied_to_);
  for (uint64_t done = 0; done < core_.config.reconcile_per_second && done < core_.accounts.all().size(); ++done) {
    if (next == core_.accounts.all().end()) next = core_.accounts.all().begin();
    if (next->second.account.state != AccountState::deleting) {
      apply(next->second);
      if (const int writes = next->second.applied.writes; writes > 0)
        log_warning("account " + next->first + ": " + std::to_string(writes) +
                    " settings had been changed by others and were restored");
    }
    applied_to_ = next->first;
    ++next;
  }
}

// One pass at a time: a change during it begins it anew, so that it ends only when everything holds.
int64_t Enforcer::apply_in_background(const std::string& why) {
  if (applying_) {
    applying_->after.clear();
    applying_->done = 0;
  } else {
    applying_ = Applying{.job = core_.jobs.begin(kApply, std::nullopt, [this] { applying_.reset(); })};
    core_.jobs.step(applying_->job, [this] { return apply_next(); });
  }
  core_.jobs.log(applying_->job, "all accounts are compared with the kernel: " + why);
  return applying_->job;
}

bool Enforcer::apply_next() {
  const auto missing = core_.reconciler.missing();
  if (const auto cgroups = missing.find("cgroups"); cgroups != missing.end()) {
    core_.jobs.end(applying_->job, Job::State::failed,
                   "no account could be compared with the kernel: " + cgroups->second);
    applying_.reset();
    return false;
  }
  const auto next = core_.accounts.all().upper_bound(applying_->after);
  if (next == core_.accounts.all().end()) {
    const bool failed = applying_->failed > 0;
    core_.jobs.end(applying_->job, failed ? Job::State::failed : Job::State::done,
                   std::to_string(applying_->done) + " accounts compared with the kernel, " +
                       std::to_string(applying_->failed) + " of them have limits that could not be applied");
    applying_.reset();
    return false;
  }
  AccountEntry& entry = next->second;
  if (entry.account.state != AccountState::deleting) apply(entry);
  if (!entry.applied.problems.empty()) {
    ++applying_->failed;
    core_.jobs.log(applying_->job, "account " + next->first + ": " + entry.applied.problems.front());
  }
  applying_->after = next->first;
  ++applying_->done;
  core_.jobs.advance(applying_->job, applying_->done, core_.accounts.all().size(),
                     "account " + of(applying_->done, core_.accounts.all().size()));
  return true;
}

void Enforcer::report_new_problems(const AccountEntry& entry, const std::vector<std::string>& before) {
  std::vector<Event> events;
  for (const std::string& problem : entry.applied.problems) {
    if (std::ranges::find(before, problem) != before.end()) continue;
    log_error("account " + entry.account.name + ": " + problem + "; tried again with every pass");
    events.push_back({.at_ms = now_ms(),
                      .account = entry.account.name,
                      .kind = "apply_failed",
                      .detail = Json{{"reason", problem}}.dump(-1, ' ', true, Json::error_handler_t::replace)});
  }
  if (!events.empty()) core_.ledger.note({.events = std::move(events), .audit = {}});
}

// Not "changed by others": the pass brings every account's limits to the devices that there are now.
void Enforcer::refresh_devices() {
  if (!core_.reconciler.look_for_devices()) return;
  std::string list;
  for (const std::string& device : core_.reconciler.host().devices) list += " " + device;
  log_info("I/O is limited at the devices" + (list.empty() ? " (none)" : list));
  if (!core_.accounts.all().empty()) apply_in_background("other devices are limited now");
}

void Enforcer::refresh_subuids() {
  if (!core_.reconciler.smtp() || !subuids_.is_stale()) return;
  std::vector<Subuids::Account> accounts;
  for (const auto& [name, entry] : core_.accounts.all())
    accounts.push_back({.name = name, .slot = entry.account.slot, .uid = entry.account.uid});
  if (const auto set = core_.reconciler.smtp()->identity.set_subuids(subuids_.owners(accounts)); !set) {
    subuids_.look_again();
    log_error("subordinate uids: " + set.error().text + "; tried again every second");
  }
  for (const std::string& complaint : subuids_.take_complaints())
    log_warning(complaint + "; its processes are nobody's");
}

void Enforcer::recount_open() {
  if (!core_.reconciler.smtp()) return;
  const Overhead::Meter meter(core_.overhead, NP_EMAIL_RATE_LIMITING);
  const auto corrected = core_.reconciler.smtp()->recount.next_slots();
  if (!corrected)
    log_error(corrected.error().text + "; tried again every second");
  else if (*corrected > 0)
    log_warning("open SMTP connections of " + std::to_string(*corrected) +
                " accounts were miscounted and are corrected");
}

// True when its cgroup is where its name says from now on.
bool Enforcer::leave_directory(AccountEntry& entry) {
  if (!entry.account.directory) return true;
  const auto left = core_.reconciler.leave_directory(*entry.account.directory);
  if (!left || !*left) return false;
  Account changed = entry.account;
  changed.directory.reset();
  if (const auto saved = core_.ledger.store().put(changed, {}); !saved) {
    core_.ledger.complain(saved.error());
    return false;
  }
  core_.accounts.set(entry, std::move(changed));
  return true;
}

void Enforcer::finish_renames() {
  const std::set<std::string> names = core_.accounts.in_former_directory();
  for (const std::string& name : names) {
    AccountEntry& entry = *core_.accounts.get(name);
    if (entry.account.state != AccountState::deleting && leave_directory(entry)) apply(entry);
  }
}

void Enforcer::watch_overhead() {
  if (const UsageWalk* usage = core_.reconciler.usage())
    core_.overhead.watch(NP_CGROUPS_ISOLATION, {.programs = usage->program_fds(), .maps = usage->map_fds()});
  const SmtpPrograms* smtp = core_.reconciler.smtp();
  if (!smtp) return;
  KernelCost::Objects mail{.programs = smtp->program_fds(), .maps = smtp->map_fds()};
  if (const ConnectionOpeners* openers = core_.reconciler.openers()) {
    for (const int fd : openers->program_fds()) mail.programs.push_back(fd);
    for (const int fd : openers->map_fds()) mail.maps.push_back(fd);
  }
  core_.overhead.watch(NP_EMAIL_RATE_LIMITING, mail);
}

std::vector<std::string> Enforcer::degraded(const AccountEntry& entry) const {
  return core_.reconciler.degraded(entry.account, core_.features, entry.applied);
}

void Enforcer::every_second() {
  retry_missing();
  if (rules_due_ && rules_again_.due(steady_ms())) set_rules();
  refresh_devices();
  apply_some();
  refresh_subuids();
  recount_open();
  finish_renames();
}

// Before anything is written to the kernel, what it holds is heard.
void Enforcer::begin() {
  if (core_.reconciler.smtp()) {
    tell_of_gap();
    for (Room* room : core_.rooms) room->smtp_came();
    core_.feature_control.apply_shed();
  }
  for (Room* room : core_.rooms) room->configured();
  tell_of_missing();
  for (const std::string_view controller : kControllers)
    if (!core_.reconciler.host().controllers.contains(controller))
      log_warning("cgroup v2 offers no " + std::string(controller) +
                  " controller; accounts are degraded (npanelctl doctor)");
  apply_all();
  refresh_subuids();
  watch_overhead();
}

void Enforcer::add_problems(std::vector<std::string>& problems) {
  const Reconciler& kernel = core_.reconciler;
  if (rules_due_)
    problems.emplace_back(
        "smtp: the rules in force may not be those of the configuration; they are put in force again");
  if (kernel.smtp_reason()) problems.push_back("smtp: " + *kernel.smtp_reason());
  if (kernel.openers_reason() && !kernel.smtp_reason())
    problems.push_back("mail: who opens connections to the MTA is not known: " + *kernel.openers_reason());
  for (const std::string_view controller : kControllers)
    if (!kernel.host().controllers.contains(controller))
      problems.push_back("cgroup v2 offers no " + std::string(controller) + " controller");
  for (const std::string& complaint : kernel.device_complaints()) problems.push_back("io.devices: " + complaint);
  if (!core_.helper.complaint().empty())
    problems.push_back("npanel-helper is not there, so processes that are refused are not looked at: " +
                       core_.helper.complaint());
  const auto failing = std::ranges::count_if(core_.accounts.all(),
                                             [](const auto& named) { return !named.second.applied.problems.empty(); });
  if (failing > 0) problems.push_back(std::to_string(failing) + " accounts have limits that could not be applied");
}

}  // namespace npanel
