// SPDX-License-Identifier: Apache-2.0
#include "kernel/process.h"

#include <fcntl.h>
#include <sys/resource.h>
#include <sys/syscall.h>

#include <algorithm>
#include <csignal>
#include <iterator>
#include <map>

#include "base/directory.h"
#include "base/file.h"
#include "base/parse.h"
#include "base/unique_fd.h"

namespace npanel {
namespace {

Result<void> lower_limit(pid_t pid, __rlimit_resource resource, rlim_t value, const char* name) {
  rlimit now{};
  if (::prlimit(pid, resource, nullptr, &now) != 0) return errno_failure(std::string("read ") + name, errno);
  if (now.rlim_max <= value && now.rlim_cur <= value) return {};
  const rlimit wanted{.rlim_cur = value, .rlim_max = value};
  if (::prlimit(pid, resource, &wanted, nullptr) != 0) return errno_failure(std::string("set ") + name, errno);
  return {};
}

Result<void> raise_limit(pid_t pid, __rlimit_resource resource, rlim_t ours, const char* name) {
  rlimit now{};
  if (::prlimit(pid, resource, nullptr, &now) != 0) return errno_failure(std::string("read ") + name, errno);
  if (now.rlim_max != ours) return {};
  const rlimit wanted{.rlim_cur = RLIM_INFINITY, .rlim_max = RLIM_INFINITY};
  if (::prlimit(pid, resource, &wanted, nullptr) != 0) return errno_failure(std::string("set ") + name, errno);
  return {};
}

UniqueFd pidfd_of(pid_t pid) {
  return UniqueFd(static_cast<int>(::syscall(SYS_pidfd_open, pid, 0)));
}

// From "4711 (a name) D 1 …"; a name may hold parentheses.
std::optional<LeftProcess> parse_stat(pid_t pid, std::string_view stat) {
  const size_t open = stat.find('(');
  const size_t close = stat.rfind(") ");
  if (open == std::string_view::npos || close == std::string_view::npos || close < open || close + 2 >= stat.size())
    return std::nullopt;
  return LeftProcess{
      .pid = pid, .name = std::string(stat.substr(open + 1, close - open - 1)), .state = stat[close + 2]};
}

// Both files tell of the task alone: nothing that a customer may hold up.
std::optional<LeftProcess> state_of(pid_t pid, const std::string& proc) {
  const std::string directory = proc + "/" + std::to_string(pid) + "/";
  const auto stat = read_file_at(AT_FDCWD, directory + "stat");
  auto process = stat ? parse_stat(pid, *stat) : std::nullopt;
  if (!process) return std::nullopt;
  if (const auto wchan = read_file_at(AT_FDCWD, directory + "wchan"); wchan && *wchan != "0")
    process->waits_in = *wchan;
  return process;
}

// From "Uid:\t4001\t4001\t…" of /proc/PID/status: the first.
std::optional<uid_t> real_uid_in(std::string_view status) {
  constexpr std::string_view kKey = "\nUid:\t";
  const size_t at = status.find(kKey);
  if (at == std::string_view::npos) return std::nullopt;
  status.remove_prefix(at + kKey.size());
  const auto uid = parse_u64(status.substr(0, status.find('\t')));
  return uid ? std::optional(static_cast<uid_t>(*uid)) : std::nullopt;
}

}  // namespace

Result<void> apply_rlimit_fallback(pid_t pid, const RlimitFallback& fallback) {
  if (fallback.address_space_bytes) NP_TRY(lower_limit(pid, RLIMIT_AS, *fallback.address_space_bytes, "RLIMIT_AS"));
  if (fallback.processes) NP_TRY(lower_limit(pid, RLIMIT_NPROC, *fallback.processes, "RLIMIT_NPROC"));
  return {};
}

Result<void> lift_rlimit_fallback(pid_t pid, const RlimitFallback& fallback) {
  if (fallback.address_space_bytes) NP_TRY(raise_limit(pid, RLIMIT_AS, *fallback.address_space_bytes, "RLIMIT_AS"));
  if (fallback.processes) NP_TRY(raise_limit(pid, RLIMIT_NPROC, *fallback.processes, "RLIMIT_NPROC"));
  return {};
}

size_t count_processes_of(const std::set<uid_t>& uids, const std::string& proc) {
  const auto entries = uids.empty() ? Result<std::vector<DirectoryEntry>>() : entries_of(proc);
  if (!entries) return 0;
  return static_cast<size_t>(std::ranges::count_if(*entries, [&](const DirectoryEntry& entry) {
    if (!parse_u64(entry.name)) return false;
    const auto status = read_file_at(AT_FDCWD, proc + "/" + entry.name + "/status");
    const auto uid = status ? real_uid_in(*status) : std::nullopt;
    return uid && uids.contains(*uid);
  }));
}

Result<size_t> ask_to_end(const Cgroup& cgroup, std::set<pid_t>& asked) {
  size_t below = 0;
  for (const std::string& child : NP_TRY(cgroup.children()))
    if (const auto nested = Cgroup::open(cgroup.fd(), child))
      below += ask_to_end(*nested, asked).value_or(0);  // just removed; or threaded, and its processes are listed here
  std::map<pid_t, UniqueFd> held;
  for (const pid_t pid : NP_TRY(cgroup.pids()))
    if (UniqueFd process = pidfd_of(pid); process.valid()) held.emplace(pid, std::move(process));
  // Whoever is in the cgroup now, and whose pid we hold, is the one that we hold.
  size_t there = below;
  for (const pid_t pid : NP_TRY(cgroup.pids())) {
    ++there;
    const auto process = held.find(pid);
    if (process == held.end() || !asked.insert(pid).second) continue;
    ::syscall(SYS_pidfd_send_signal, process->second.get(), SIGTERM, nullptr, 0);  // ESRCH: it ended by itself
  }
  return there;
}

Result<StillThere> still_there(const Cgroup& cgroup, size_t most, const std::string& proc) {
  StillThere found;
  for (const pid_t pid : NP_TRY(cgroup.pids())) {
    ++found.all;
    if (found.some.size() >= most) continue;
    if (auto process = state_of(pid, proc)) found.some.push_back(std::move(*process));
  }
  for (const std::string& child : NP_TRY(cgroup.children())) {
    const auto nested = Cgroup::open(cgroup.fd(), child);
    auto below = nested ? still_there(*nested, most - found.some.size(), proc) : std::unexpected(nested.error());
    if (!below) continue;  // just removed; or threaded, and its processes are listed here
    found.all += below->all;
    std::ranges::move(below->some, std::back_inserter(found.some));
  }
  return found;
}

}  // namespace npanel
