// SPDX-License-Identifier: Apache-2.0
// left.h: why does a process outlive SIGKILL?
#pragma once

#include <sys/types.h>

#include <cstddef>
#include <string>
#include <vector>

namespace npanel {

struct LeftProcess {
  pid_t pid = 0;
  std::string name = {};      // comm of proc(5)
  char state = '?';           // of /proc/PID/stat
  std::string waits_in = {};  // /proc/PID/wchan, a function of the kernel; empty: not told
};

// "waits in the kernel, where no signal reaches it (D, rpc_wait_bit_killable): …".
[[nodiscard]] std::string why_left(const LeftProcess& process);

// "3 processes are left: 4711 (rsync) waits …; 4712 …; and 1 more". `some` of the `all`; none of them may be listed.
[[nodiscard]] std::string left_text(const std::vector<LeftProcess>& some, size_t all);

}  // namespace npanel
