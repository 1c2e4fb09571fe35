// SPDX-License-Identifier: Apache-2.0
// detach.h: how does everything of ours leave the kernel?
#pragma once

#include <string>
#include <vector>

#include "base/result.h"

namespace npanel {

struct Detached {
  int hooks = 0;      // links that were detached
  int maps = 0;       // pinned maps that were removed
  int removed = 0;    // accounts' cgroups that were empty
  int unlimited = 0;  // accounts' cgroups that hold processes: they stay, thawed and without limits
  std::vector<std::string> problems;
};

// Works without an agent, and against one that still runs and does not listen: it would begin anew within seconds, so
// stop it first. `mount` and `path` as in AccountTree::open(). No process is killed. rlimits that stood in for a
// missing controller stay with the processes that have them.
[[nodiscard]] Detached detach_all(const std::string& mount, const std::string& path, const std::string& pin_dir);

}  // namespace npanel
