// SPDX-License-Identifier: Apache-2.0
// process.h: what may be done to one process, and who is it?
#pragma once

#include <sys/types.h>

#include <optional>
#include <set>
#include <string>

#include "base/result.h"
#include "kernel/cgroup.h"
#include "model/settings.h"

namespace npanel {

// prlimit(2) on a process that no controller holds. Never raises a limit that is lower already.
Result<void> apply_stand_ins(pid_t pid, const StandIns& stand_ins);

// Gives back what apply_stand_ins() took: a limit that is not the stand-in's own was somebody else's and stays.
Result<void> lift_stand_ins(pid_t pid, const StandIns& stand_ins);

// SIGTERM to every process in the cgroup and below it that is not in `asked` yet, and adds it there. A pid that was
// taken by another process meanwhile is not hit. Returns how many processes there were.
Result<size_t> ask_to_end(const Cgroup& cgroup, std::set<pid_t>& asked);

// The executable, "/usr/bin/perl"; nullopt when the process is gone.
[[nodiscard]] std::optional<std::string> executable(pid_t pid);
// Where it works: PHP-FPM goes into the directory of the script that it runs.
[[nodiscard]] std::optional<std::string> working_directory(pid_t pid);
// Its arguments, with spaces between them, at most 200 bytes: "perl /home/bob/tmp/x.pl".
[[nodiscard]] std::optional<std::string> command_line(pid_t pid);

}  // namespace npanel
