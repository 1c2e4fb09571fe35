// SPDX-License-Identifier: Apache-2.0
// process.h: what may be done to one process? (Who it is, helper/process_facts asks: that may take for ever.)
#pragma once

#include <sys/types.h>

#include <optional>
#include <set>
#include <string>
#include <vector>

#include "base/result.h"
#include "kernel/cgroup.h"
#include "model/left.h"
#include "model/settings.h"

namespace npanel {

// prlimit(2) on a process that no controller holds. Never raises a limit that is lower already.
Result<void> apply_rlimit_fallback(pid_t pid, const RlimitFallback& fallback);

// Gives back what apply_rlimit_fallback() took: a limit that is not the fallback's own was somebody else's and stays.
Result<void> lift_rlimit_fallback(pid_t pid, const RlimitFallback& fallback);

// How many processes are in the cgroup and below it, and the first `most` of them as they are now; one that is just
// gone is counted and not told.
struct StillThere {
  size_t all = 0;
  std::vector<LeftProcess> some = {};
};
[[nodiscard]] Result<StillThere> still_there(const Cgroup& cgroup, size_t most, const std::string& proc = "/proc");

// Of the host, whose real uid is one of these: how many.
[[nodiscard]] size_t count_processes_of(const std::set<uid_t>& uids, const std::string& proc = "/proc");

// SIGTERM to every process in the cgroup and below it that is not in `asked` yet, and adds it there. A pid that was
// taken by another process meanwhile is not hit. Returns how many processes there were.
Result<size_t> ask_to_end(const Cgroup& cgroup, std::set<pid_t>& asked);

}  // namespace npanel
