// SPDX-License-Identifier: Apache-2.0
#include "helper/process_facts.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <climits>
#include <optional>

#include "base/file.h"
#include "base/parse.h"

namespace npanel {
namespace {

constexpr int kParentsMost = 5;
constexpr size_t kCommandMost = 200;
constexpr uint64_t kNsASecond = 1'000'000'000;

struct Stat {
  std::string comm;
  pid_t parent = 0;
  uint64_t start_ticks = 0;
};

// proc(5): "pid (comm) state ppid …", the 22nd is when it began. A comm may hold spaces and brackets.
std::optional<Stat> parse_stat(std::string_view text) {
  constexpr int kParent = 4;
  constexpr int kStart = 22;
  const size_t open = text.find('(');
  const size_t close = text.rfind(')');
  if (open == std::string_view::npos || close == std::string_view::npos || close < open) return std::nullopt;
  Stat stat{.comm = std::string(text.substr(open + 1, close - open - 1))};
  std::string_view rest = trim(text.substr(close + 1));
  for (int field = 3; field <= kStart && !rest.empty(); ++field) {
    const std::string_view word = rest.substr(0, rest.find(' '));
    if (field == kParent) stat.parent = static_cast<pid_t>(parse_u64(word).value_or(0));
    if (field == kStart) {
      stat.start_ticks = parse_u64(word).value_or(0);
      return stat;
    }
    rest.remove_prefix(std::min(word.size() + 1, rest.size()));
  }
  return std::nullopt;
}

// Held by its directory, which is of this process whoever gets the pid next.
class Process {
 public:
  static std::optional<Process> open(const std::string& proc, pid_t pid) {
    auto directory = open_at(AT_FDCWD, proc + "/" + std::to_string(pid), O_PATH | O_DIRECTORY);
    if (!directory) return std::nullopt;
    const auto text = read_file_at(directory->get(), "stat");
    auto stat = text ? parse_stat(*text) : std::nullopt;
    if (!stat) return std::nullopt;
    return Process(std::move(*directory), std::move(*stat));
  }

  [[nodiscard]] const Stat& stat() const { return stat_; }
  [[nodiscard]] Result<std::string> read(const char* name) const { return read_file_at(directory_.get(), name); }
  [[nodiscard]] std::optional<std::string> link(const char* name) const {
    std::array<char, PATH_MAX> target;
    const ssize_t length = ::readlinkat(directory_.get(), name, target.data(), target.size());
    if (length <= 0) return std::nullopt;
    return std::string(target.data(), static_cast<size_t>(length));
  }

 private:
  Process(UniqueFd directory, Stat stat) : directory_(std::move(directory)), stat_(std::move(stat)) {}
  UniqueFd directory_;
  Stat stat_;
};

void say_if(const Say& say, std::string_view name, const std::optional<std::string>& value) {
  if (value) say(name, *value);
}

// "0::/npanel/bob" of cgroup v2; with v1 beside it there are more lines.
std::optional<std::string> cgroup_of(const Process& process) {
  const auto text = process.read("cgroup");
  if (!text) return std::nullopt;
  const size_t at = text->starts_with("0::") ? 0 : text->find("\n0::");
  if (at == std::string::npos) return std::nullopt;
  const size_t begin = text->find("0::", at) + 3;
  return text->substr(begin, text->find('\n', begin) - begin);
}

// A parent began before its child; what began later has got the pid since.
void say_parents(const std::string& proc, const Stat& child, const Say& say) {
  Stat below = child;
  for (int level = 0; level < kParentsMost && below.parent > 0; ++level) {
    const auto parent = Process::open(proc, below.parent);
    if (!parent || parent->stat().start_ticks > below.start_ticks) return;
    say("parent_pid", std::to_string(below.parent));
    say("parent_comm", parent->stat().comm);
    say_if(say, "parent_exe", parent->link("exe"));
    below = parent->stat();
  }
}

// Page by page from the process's own memory: this is where it hangs.
std::optional<std::string> command_of(const Process& process) {
  const auto file = process.read("cmdline");
  if (!file || file->empty()) return std::nullopt;
  std::string arguments = *file;
  if (arguments.back() == '\0') arguments.pop_back();
  std::ranges::replace(arguments, '\0', ' ');
  return arguments.substr(0, kCommandMost);
}

}  // namespace

int say_process(pid_t pid, uint64_t start_ns, const Say& say, const std::string& proc) {
  const uint64_t tick_ns = kNsASecond / static_cast<uint64_t>(::sysconf(_SC_CLK_TCK));
  const auto process = Process::open(proc, pid);
  if (!process || process->stat().start_ticks != start_ns / tick_ns) return ESRCH;
  say_if(say, "exe", process->link("exe"));
  say_if(say, "cwd", process->link("cwd"));
  say_if(say, "cgroup", cgroup_of(*process));
  say_parents(proc, process->stat(), say);
  say_if(say, "command", command_of(*process));
  return 0;
}

}  // namespace npanel
