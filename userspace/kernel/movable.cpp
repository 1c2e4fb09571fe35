// SPDX-License-Identifier: Apache-2.0
#include "kernel/movable.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/syscall.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <set>
#include <string_view>
#include <vector>

#include "base/directory.h"
#include "base/file.h"
#include "base/parse.h"

namespace npanel {
namespace {

constexpr uint64_t kKernelThread = 0x00200000;  // PF_KTHREAD, include/linux/sched.h
constexpr size_t kLookedAtMost = 2000;          // threads, or workers: 40 ms; a customer can have more

// What nobody may move, by the beginning of its cgroup's path, and what it is. Freezing one of these stops the server,
// not a customer.
struct Untouchable {
  std::string_view path;
  std::string_view what;
};
constexpr auto kUntouchable = std::to_array<Untouchable>({
    {.path = "/init.scope", .what = "is systemd itself"},
    {.path = "/system.slice/systemd-", .what = "is a part of systemd"},  // journald, udevd, logind, networkd…
    {.path = "/system.slice/dbus.service", .what = "is the message bus"},
    {.path = "/system.slice/dbus-broker.service", .what = "is the message bus"},
    {.path = "/npanel.slice/", .what = "belongs to npanel-agent itself"},
});

std::unexpected<Error> pid_refused(pid_t pid, std::string_view why, int code) {
  return std::unexpected(
      Error{.text = "pid " + std::to_string(pid) + " " + std::string(why), .code = code, .field = "pid"});
}

std::unexpected<Error> gone(pid_t pid) {
  return pid_refused(pid, "does not exist", ESRCH);
}

std::unexpected<Error> too_many(pid_t pid, std::string_view what) {
  return pid_refused(
      pid, "has more than " + std::to_string(kLookedAtMost) + " " + std::string(what) + ": not looked at", EBUSY);
}

std::vector<uint64_t> numbers_in(std::string_view text) {
  constexpr std::string_view kBlank = " \t\n";
  std::vector<uint64_t> numbers;
  for (size_t at = text.find_first_not_of(kBlank); at != std::string_view::npos;
       at = text.find_first_not_of(kBlank, at)) {
    const size_t end = std::min(text.find_first_of(kBlank, at), text.size());
    if (const auto number = parse_u64(text.substr(at, end - at))) numbers.push_back(*number);
    at = end;
  }
  return numbers;
}

// The line of `text` that begins with `start`, without it.
std::optional<std::string_view> line_of(std::string_view text, std::string_view start) {
  while (!text.empty()) {
    const std::string_view line = text.substr(0, text.find('\n'));
    if (line.starts_with(start)) return line.substr(start.size());
    text.remove_prefix(std::min(line.size() + 1, text.size()));
  }
  return std::nullopt;
}

// proc(5): what follows the name in PID/stat; the name may hold spaces and brackets. State, parent, group, session,
// tty, tty's group, flags.
std::optional<std::string_view> after_name(std::string_view stat) {
  const auto end = stat.rfind(')');
  if (end == std::string_view::npos || end + 3 > stat.size()) return std::nullopt;
  return stat.substr(end + 3);
}

struct Stat {
  pid_t parent;
  uint64_t flags;
};

Result<Stat> stat_of(pid_t pid, const std::string& proc) {
  const auto text = read_file_at(AT_FDCWD, proc + "/" + std::to_string(pid) + "/stat");
  if (!text) return gone(pid);
  const auto rest = after_name(*text);
  const auto space = rest ? rest->find(' ') : std::string_view::npos;
  if (space == std::string_view::npos) return pid_refused(pid, "has no readable stat", EIO);
  char* end = nullptr;
  std::array<long, 6> fields{};  // tty's group may be -1
  const char* at = rest->data() + space;
  for (long& field : fields) {
    field = std::strtol(at, &end, 10);
    if (end == at) return pid_refused(pid, "has no readable stat", EIO);
    at = end;
  }
  return Stat{.parent = static_cast<pid_t>(fields[0]), .flags = static_cast<uint64_t>(fields[5])};
}

// The four of "Uid:", the real one first.
Result<std::vector<uid_t>> uids_of(const std::string& directory) {
  const std::string status = NP_TRY(read_file_at(AT_FDCWD, directory + "/status"));
  const auto line = line_of(status, "Uid:");
  const auto numbers = line ? numbers_in(*line) : std::vector<uint64_t>{};
  if (numbers.size() != 4) return failure(directory + "/status has no four uids", EIO);
  return std::vector<uid_t>(numbers.begin(), numbers.end());
}

Result<std::vector<std::string>> threads_of(pid_t pid, const std::string& proc) {
  const std::string tasks = proc + "/" + std::to_string(pid) + "/task";
  const auto entries = entries_of(tasks, kLookedAtMost);
  if (!entries && entries.error().code == E2BIG) return too_many(pid, "threads");
  if (!entries || entries->empty()) return gone(pid);
  std::vector<std::string> threads;
  threads.reserve(entries->size());
  for (const DirectoryEntry& thread : *entries) threads.push_back(tasks + "/" + thread.name);
  return threads;
}

Result<std::vector<pid_t>> children_of(pid_t pid, const std::string& proc) {
  std::vector<pid_t> children;
  for (const std::string& thread : NP_TRY(threads_of(pid, proc)))
    if (const auto text = read_file_at(AT_FDCWD, thread + "/children"))
      for (const uint64_t child : numbers_in(*text)) children.push_back(static_cast<pid_t>(child));
    else if (text.error().code == ENOENT && ::faccessat(AT_FDCWD, thread.c_str(), F_OK, 0) == 0)
      return failure("this kernel has no list of a process's children (CONFIG_PROC_CHILDREN)", ENOTSUP);
  return children;
}

// The cgroup of v2; where systemd still has a hierarchy of its own, that one.
Result<std::string> cgroup_of(pid_t pid, const std::string& proc) {
  const auto text = read_file_at(AT_FDCWD, proc + "/" + std::to_string(pid) + "/cgroup");
  if (!text) return gone(pid);
  const auto unified = line_of(*text, "0::");
  if (unified) return std::string(*unified);
  const size_t named = text->find(":name=systemd:");
  if (named == std::string::npos) return std::string();
  const size_t begin = named + std::string_view(":name=systemd:").size();
  return text->substr(begin, text->find('\n', begin) - begin);
}

// Breadth first; ends as soon as two users are known. What ends meanwhile starts nothing any more.
Result<std::set<uid_t>> workers_uids(pid_t pid, uid_t own, const std::string& proc) {
  std::set<uid_t> uids;
  std::vector<pid_t> known = NP_TRY(children_of(pid, proc));
  for (size_t at = 0; at < known.size() && uids.size() < 2; ++at) {
    if (at == kLookedAtMost) return too_many(pid, "processes below it");
    const auto worker = uids_of(proc + "/" + std::to_string(known[at]));
    if (!worker) continue;
    if (worker->front() != 0 && worker->front() != own) uids.insert(worker->front());
    const auto below = children_of(known[at], proc);
    if (below) known.insert(known.end(), below->begin(), below->end());
    if (!below && below.error().code != ESRCH) return std::unexpected(below.error());
  }
  return uids;
}

std::string listed(const std::set<uid_t>& uids) {
  std::string text;
  for (const uid_t uid : uids) text += (text.empty() ? "" : ", ") + std::to_string(uid);
  return text;
}

Result<void> check_kind(pid_t pid, const std::string& proc) {
  if (pid == 1) return pid_refused(pid, "is init: it stays where systemd put it", EPERM);
  if (pid == ::getpid()) return pid_refused(pid, "is the agent itself", EPERM);
  if (NP_TRY(stat_of(pid, proc)).flags & kKernelThread) return pid_refused(pid, "is a kernel thread", EPERM);
  const std::string cgroup = NP_TRY(cgroup_of(pid, proc));
  for (const auto& [path, what] : kUntouchable)
    if (cgroup.starts_with(path))
      return pid_refused(pid, std::string(what) + " (" + cgroup + "): it stays where it is", EPERM);
  return {};
}

// Real, effective, saved and file system's, of every thread.
Result<std::set<uid_t>> all_uids(pid_t pid, const std::string& proc) {
  std::set<uid_t> all;
  for (const std::string& thread : NP_TRY(threads_of(pid, proc)))
    if (const auto uids = uids_of(thread)) all.insert(uids->begin(), uids->end());
  if (all.empty()) return gone(pid);
  return all;
}

std::unexpected<Error> not_yours(pid_t pid, const std::set<uid_t>& uids, std::optional<uid_t> account_uid) {
  const std::string account = account_uid ? "the account's is " + std::to_string(*account_uid) : "the account has none";
  return pid_refused(
      pid, "runs as uid " + listed(uids) + ", and " + account + ": only root over the Unix socket may move it", EACCES);
}

Result<void> check_master(pid_t pid, const std::string& proc) {
  const auto own = uids_of(proc + "/" + std::to_string(pid));
  if (!own) return gone(pid);
  const std::set<uid_t> workers = NP_TRY(workers_uids(pid, own->front(), proc));
  if (workers.size() < 2) return {};
  return pid_refused(
      pid, "is the master of processes of uid " + listed(workers) + ": the next ones would be the account's, too",
      EBUSY);
}

}  // namespace

Result<void> check_movable(pid_t pid, const Move& move, const std::string& proc) {
  NP_TRY(check_kind(pid, proc));
  const std::set<uid_t> uids = NP_TRY(all_uids(pid, proc));
  if (move.account_uid && uids == std::set<uid_t>{*move.account_uid}) return {};
  if (!move.by_root) return not_yours(pid, uids, move.account_uid);
  return check_master(pid, proc);
}

Result<HeldProcess> HeldProcess::hold(pid_t pid) {
  UniqueFd fd(static_cast<int>(::syscall(SYS_pidfd_open, pid, 0)));
  if (!fd.valid()) return gone(pid);
  return HeldProcess(pid, std::move(fd));
}

// A pidfd is readable when the process has ended; until it is reaped, and so as long as this says true, nobody else has
// its number.
bool HeldProcess::is_there() const {
  pollfd ended{.fd = fd_.get(), .events = POLLIN, .revents = 0};
  return ::poll(&ended, 1, 0) == 0;
}

Result<void> check_movable(const HeldProcess& process, const Move& move) {
  NP_TRY(check_movable(process.pid(), move));
  if (!process.is_there()) return gone(process.pid());
  return {};
}

Result<void> move_process(const HeldProcess& process, const Cgroup& account, int mount, const Move& move) {
  if (const auto moved = account.add(process.pid()); !moved)
    return pid_refused(process.pid(), "was not moved: " + moved.error().text, moved.error().code);
  if (process.is_there()) return {};
  return put_back_stranger(process.pid(), account, mount, move);
}

// Whoever has the number now is in the account because we wrote it, or because the account's own process has started
// it.
Result<void> put_back_stranger(pid_t pid, const Cgroup& account, int mount, const Move& move) {
  const std::vector<pid_t> here = NP_TRY(account.pids());
  const auto allowed = check_movable(pid, {.account_uid = move.account_uid});
  if (allowed || allowed.error().code == ESRCH || std::ranges::find(here, pid) == here.end()) return gone(pid);
  // A child is born where its parent is.
  const Stat stat = NP_TRY(stat_of(pid, "/proc"));
  const std::string home = NP_TRY(cgroup_of(stat.parent, "/proc"));
  const auto cgroup = Cgroup::open(mount, "." + home);
  if (const auto moved = cgroup ? cgroup->add(pid) : std::unexpected(cgroup.error()); !moved)
    return pid_refused(
        pid, "ended, and who has its number now could not be put back to " + home + ": " + moved.error().text, EBUSY);
  return gone(pid);
}

}  // namespace npanel
