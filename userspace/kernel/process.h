// SPDX-License-Identifier: Apache-2.0
// process.h: what may be done to one process, and who is it?
#pragma once

#include <sys/types.h>

#include <optional>
#include <string>

#include "base/result.h"
#include "model/settings.h"

namespace npanel {

// May this pid be moved into an account's cgroup? ESRCH when there is none, EPERM when it is init, a kernel thread or
// the agent itself. The error's field is "pid".
[[nodiscard]] Result<void> check_movable(pid_t pid, const std::string& proc = "/proc");

// prlimit(2) on a process that no controller holds. Never raises a limit that is lower already.
Result<void> apply_stand_ins(pid_t pid, const StandIns& stand_ins);

// The executable, "/usr/bin/perl"; nullopt when the process is gone.
[[nodiscard]] std::optional<std::string> executable(pid_t pid);

}  // namespace npanel
