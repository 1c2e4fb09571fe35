// SPDX-License-Identifier: Apache-2.0
// apply_settings.h: how do an account's control files come to say what they shall?
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "kernel/cgroup.h"
#include "model/settings.h"

namespace npanel {

struct SettingsApplied {
  int writes = 0;                     // files that did not say so already
  std::vector<std::string> problems;  // what could not be written, one sentence each
  std::vector<std::string> pending;   // what is being written, by somebody who may wait
};

// Writes what makes its writer wait (model/settings: may_reclaim).
struct SlowWriter {
  std::function<bool(const std::string& file)> under_way;
  // Why it could not be begun, or failed the last time; empty: it goes well.
  std::function<std::string(const Cgroup& cgroup, const Setting& setting)> begin;
};

// For who takes limits away: nothing of that waits.
[[nodiscard]] SlowWriter only_raises();

// Reads first, writes only what differs.
[[nodiscard]] SettingsApplied apply_settings(const Cgroup& cgroup, const Account& account, const HostAbilities& host,
                                             const SlowWriter& slow);

}  // namespace npanel
