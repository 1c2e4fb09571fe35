// SPDX-License-Identifier: Apache-2.0
#include "agent/status.h"

#include <sys/utsname.h>

#include <algorithm>
#include <array>
#include <iterator>

#include "base/clock.h"
#include "daemon/log.h"
#include "metrics/render.h"

namespace npanel {

// While the figures cost too much, those of the last walk are given again.
Result<std::span<const np_usage>> Status::rows() {
  constexpr std::array<int64_t, kShedMost + 1> kAgeMostMs = {0, 10'000, 60'000};
  const int64_t now = steady_ms();
  if (now - walked_ms_ < kAgeMostMs[core_.overhead.shed(NP_CGROUPS_ISOLATION)]) return core_.reconciler.usage()->rows();
  auto fresh = core_.reconciler.usage()->walk();
  if (fresh) walked_ms_ = now;
  return fresh;
}

// What fails of it leaves everything else to be told.
Status::Usage Status::walk() {
  Usage by_cgroup;
  if (!core_.reconciler.usage()) return by_cgroup;
  const auto walked = rows();
  const std::optional<std::string> failed = walked ? std::nullopt : std::optional(walked.error().text);
  if (failed && failed != walk_failed_)
    log_error("usage figures are unavailable: " + *failed + "; tried again when asked");
  walk_failed_ = failed;
  if (walked)
    for (const np_usage& row : *walked) by_cgroup.emplace(row.cgroup_id, &row);
  return by_cgroup;
}

std::optional<std::string> Status::why_no_usage() const {
  return core_.reconciler.usage_reason() ? core_.reconciler.usage_reason() : walk_failed_;
}

AccountStats Status::stats_of(const AccountEntry& entry, const Usage& usage) {
  AccountStats stats;
  stats.account = &entry.account;
  if (entry.applied.cgroup_id)
    if (const auto row = usage.find(*entry.applied.cgroup_id); row != usage.end()) stats.usage = *row->second;
  if (core_.reconciler.smtp()) {
    stats.smtp = core_.reconciler.smtp()->connect.count(entry.account.slot);
    stats.mail = mail_.figures(entry);
  }
  stats.degraded = core_.editor.degraded(entry).size();
  return stats;
}

Result<std::vector<AccountStats>> Status::stats() {
  const auto usage = walk();
  core_.heap_has_holes = true;
  std::vector<AccountStats> all;
  all.reserve(core_.accounts.all().size());
  for (const auto& [name, entry] : core_.accounts.all()) all.push_back(stats_of(entry, usage));
  return all;
}

Result<AccountStats> Status::stats(const std::string& name) {
  const AccountEntry* entry = NP_TRY(core_.accounts.find(name));
  return stats_of(*entry, walk());
}

AgentStatus Status::now() {
  utsname kernel{};
  ::uname(&kernel);
  AgentStatus status{.version = version_,
                     .kernel = kernel.release,
                     .started = started_,
                     .accounts = core_.accounts.all().size(),
                     .cgroup_path = core_.config.cgroup_mount + "/" + core_.config.cgroup_path,
                     .controllers = core_.reconciler.host().controllers,
                     .usage_reason = why_no_usage(),
                     .smtp_reason = core_.reconciler.smtp_reason(),
                     .smtp_attached_ms = core_.reconciler.attached_ms(),
                     .smtp_ports = core_.config.smtp_ports,
                     .smtp = core_.reconciler.smtp() ? core_.reconciler.smtp()->connect.total() : np_smtp_total{},
                     .unattributed = mail_.unattributed(),
                     .log_lines_lost = log_lines_lost(),
                     .usage_dropped = core_.reconciler.usage() ? core_.reconciler.usage()->dropped() : 0,
                     .reconcile = core_.enforcer.figures(),
                     .orphans = core_.enforcer.orphans(),
                     .clock_jumps = core_.clock.jumps(),
                     .accounts_lost = core_.may_lack_accounts,
                     .features = core_.feature_control.figures(),
                     .listeners = listeners_ ? listeners_() : ListenerStatus{}};
  mail_.tell(status);
  return status;
}

std::vector<std::string> Status::problems() {
  std::vector<std::string> problems;
  for (Room* room : core_.rooms) room->add_problems(problems);
  core_.enforcer.add_problems(problems);
  core_.feature_control.add_problems(problems);
  return problems;
}

FeatureMode Status::watchdog() const {
  return core_.features.on(NP_AGENT_WATCHDOG) ? core_.features.state(NP_AGENT_WATCHDOG).mode : FeatureMode::off;
}

void Status::add_problems(std::vector<std::string>& problems) {
  if (const auto why = why_no_usage()) problems.push_back("usage: " + *why);
  if (const UsageWalk* usage = core_.reconciler.usage(); usage && usage->dropped() > 0)
    problems.push_back("usage: " + std::to_string(usage->dropped()) + " cgroups beside " + std::to_string(NP_SLOTS) +
                       " others are not measured: there are too many below the accounts' cgroup");
  if (listeners_) std::ranges::move(listeners_().complaints, std::back_inserter(problems));
}

Result<std::string> Status::metrics() {
  const auto figures = NP_TRY(stats());  // first: the status says whether there are any
  return render_metrics(figures, now());
}

}  // namespace npanel
