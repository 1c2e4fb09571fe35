// SPDX-License-Identifier: Apache-2.0
#include "kernel/apply_settings.h"

namespace npanel {

SettingsApplied apply_settings(const Cgroup& cgroup, const Account& account, const HostAbilities& host) {
  SettingsApplied applied;
  for (const Setting& setting : settings_for(account, host)) {
    const auto now = cgroup.read(setting.file);
    if (now && holds(setting, *now)) continue;
    const auto written = now ? cgroup.write(setting.file, setting.text) : Result<void>(std::unexpected(now.error()));
    if (written)
      ++applied.writes;
    else
      applied.problems.push_back(setting.file + ": " + written.error().text);
  }
  return applied;
}

}  // namespace npanel
