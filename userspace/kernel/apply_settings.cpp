// SPDX-License-Identifier: Apache-2.0
#include "kernel/apply_settings.h"

#include "base/parse.h"

namespace npanel {

namespace {

std::optional<uint64_t> use_of(const Cgroup& cgroup) {
  const auto text = cgroup.read("memory.current");
  return text ? parse_u64(trim(*text)) : std::nullopt;
}

void lower(const Cgroup& cgroup, const Setting& setting, const SlowWriter& slow, SettingsApplied& applied) {
  const std::string failed = slow.begin(cgroup, setting);
  if (failed.empty())
    applied.pending.push_back(setting.file + " is being lowered");
  else
    applied.problems.push_back(setting.file + " cannot be lowered below what is used: npanel-helper: " + failed);
}

void lift_stale_io(const Cgroup& cgroup, const HostAbilities& host, SettingsApplied& applied) {
  const auto now = host.controllers.contains("io") ? cgroup.read("io.max") : Result<std::string>("");
  if (!now) return;
  for (const Setting& setting : stale_io(*now, host)) {
    // A device that is gone has taken its limit along.
    if (const auto written = cgroup.write(setting.file, setting.text); written)
      ++applied.writes;
    else if (written.error().code != ENODEV)
      applied.problems.push_back(setting.file + ": " + written.error().text);
  }
}

}  // namespace

SlowWriter only_raises() {
  return {
      .under_way = [](const std::string&) { return false; },
      .begin = [](const Cgroup&, const Setting&) { return std::string("a limit is lowered where none should be"); }};
}

SettingsApplied apply_settings(const Cgroup& cgroup, const Account& account, const HostAbilities& host,
                               const SlowWriter& slow) {
  SettingsApplied applied;
  for (const Setting& setting : settings_for(account, host)) {
    if (slow.under_way(setting.file)) {  // the file says the new limit already, while the rest is still reclaimed
      applied.pending.push_back(setting.file + " is being lowered");
      continue;
    }
    const auto now = cgroup.read(setting.file);
    if (now && matches(setting, *now)) continue;
    if (now && may_reclaim(setting, *now, use_of(cgroup))) {
      lower(cgroup, setting, slow, applied);
      continue;
    }
    const auto written = now ? cgroup.write(setting.file, setting.text) : Result<void>(std::unexpected(now.error()));
    if (written)
      ++applied.writes;
    else
      applied.problems.push_back(setting.file + ": " + written.error().text);
  }
  lift_stale_io(cgroup, host, applied);
  return applied;
}

}  // namespace npanel
