// SPDX-License-Identifier: Apache-2.0
// apply_settings.h: how do an account's control files come to say what they shall?
#pragma once

#include <string>
#include <vector>

#include "kernel/cgroup.h"
#include "model/settings.h"

namespace npanel {

struct SettingsApplied {
  int writes = 0;                     // files that did not say so already
  std::vector<std::string> problems;  // what could not be written, one sentence each
};

// Reads first, writes only what differs.
[[nodiscard]] SettingsApplied apply_settings(const Cgroup& cgroup, const Account& account, const HostAbilities& host);

}  // namespace npanel
