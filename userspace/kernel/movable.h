// SPDX-License-Identifier: Apache-2.0
// movable.h: may this process be put into that account, by whom, and is it still the one that was looked at?
#pragma once

#include <sys/types.h>

#include <optional>
#include <string>

#include "base/result.h"
#include "base/unique_fd.h"
#include "kernel/cgroup.h"

namespace npanel {

// Who wants it where.
struct Move {
  std::optional<uid_t> account_uid;
  bool by_root = false;  // uid 0 over the Unix socket
};

// EPERM when nobody may: init, a kernel thread, the agent, a part of systemd, a unit of ours. EACCES when only root
// may: not every thread of it runs as the account's user. EBUSY when it is the master of several users' processes,
// which would be born in the account from then on. ESRCH when there is none. The error's field is "pid". Reads nothing
// of `proc` that a customer can make wait: neither memory nor files of the process.
[[nodiscard]] Result<void> check_movable(pid_t pid, const Move& move, const std::string& proc = "/proc");

// A process by pidfd: its number is nobody else's for as long as is_there() says so.
class HeldProcess {
 public:
  [[nodiscard]] static Result<HeldProcess> hold(pid_t pid);
  [[nodiscard]] pid_t pid() const { return pid_; }
  [[nodiscard]] bool is_there() const;

 private:
  HeldProcess(pid_t pid, UniqueFd fd) : pid_(pid), fd_(std::move(fd)) {}
  pid_t pid_;
  UniqueFd fd_;
};

// The process that is held, not one that took its number while we looked.
[[nodiscard]] Result<void> check_movable(const HeldProcess& process, const Move& move);

// Moves what was checked, with all its threads. cgroup.procs takes a number: if the process ended meanwhile and a
// stranger has its number, the stranger goes back to where its parent is. `mount`: the root of cgroup v2.
Result<void> move_process(const HeldProcess& process, const Cgroup& account, int mount, const Move& move);

// The second half of that, for who has the number now. Always an error: ESRCH, or why that was not possible.
Result<void> put_back_stranger(pid_t pid, const Cgroup& account, int mount, const Move& move);

}  // namespace npanel
