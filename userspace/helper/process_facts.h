// SPDX-License-Identifier: Apache-2.0
// process_facts.h: who is this process? Asked in a child of its own, because /proc of a customer's process may never
// answer: reading its command line takes its memory map's lock, and page by page what it has mapped there.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

namespace npanel {

using Say = std::function<void(std::string_view name, std::string_view value)>;

// Says, one by one and what may hang last: exe, cwd, cgroup; for each process above it, five at the most, parent_pid,
// parent_comm and parent_exe; command (200 bytes). 0, or ESRCH when the process is gone, or its pid is another's now
// (`start_ns`: when it began, CLOCK_BOOTTIME).
[[nodiscard]] int say_process(pid_t pid, uint64_t start_ns, const Say& say, const std::string& proc = "/proc");

}  // namespace npanel
