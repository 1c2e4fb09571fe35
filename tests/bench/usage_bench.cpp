// SPDX-License-Identifier: Apache-2.0
// How long does one refresh of every account's figures take: our walk, the control files opened each time, the control
// files kept open, and systemd-cgtop? Needs root and a cgroup v2 with the cpu, memory and pids controllers:
// scripts/bench boots one.
#include <fcntl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <functional>
#include <string>
#include <vector>

#include "base/file.h"
#include "kernel/account_tree.h"
#include "kernel/mounts.h"
#include "kernel/usage_walk.h"

namespace {

using namespace npanel;
using Clock = std::chrono::steady_clock;

// What the walk brings, as files. PSI is three more (cpu, memory and io.pressure), memory.stat and io.stat two: left
// out, which favours the files.
constexpr const char* kFiles[] = {"cpu.stat",      "cpu.max",      "memory.current", "memory.max",
                                  "memory.events", "pids.current", "pids.events"};
constexpr double kGoalAgainstOpen = 50;
constexpr double kGoalAgainstKept = 10;

[[noreturn]] void die(const std::string& why) {
  std::fprintf(stderr, "bench: %s\n", why.c_str());
  std::exit(1);
}

template <class T>
T must(Result<T> result) {
  if (!result) die(result.error().text);
  return std::move(*result);
}

double median_ms(int runs, const std::function<void()>& refresh) {
  refresh();  // warm
  std::vector<double> times;
  for (int i = 0; i < runs; ++i) {
    const auto start = Clock::now();
    refresh();
    times.push_back(std::chrono::duration<double, std::milli>(Clock::now() - start).count());
  }
  std::ranges::nth_element(times, times.begin() + runs / 2);
  return times[static_cast<size_t>(runs) / 2];
}

std::string account(int i) {
  return "a" + std::to_string(i);
}

void open_read_close(const AccountTree& tree, int accounts) {
  char text[4096];
  for (int i = 0; i < accounts; ++i) {
    for (const char* file : kFiles) {
      const int fd = ::openat(tree.fd(), (account(i) + "/" + file).c_str(), O_RDONLY | O_CLOEXEC);
      if (fd < 0 || ::read(fd, text, sizeof(text)) <= 0) die("open/read " + account(i) + "/" + file);
      ::close(fd);
    }
  }
}

std::vector<UniqueFd> open_all(const AccountTree& tree, int accounts) {
  std::vector<UniqueFd> files;
  for (int i = 0; i < accounts; ++i)
    for (const char* file : kFiles) files.push_back(must(open_at(tree.fd(), account(i) + "/" + file, O_RDONLY)));
  return files;
}

void pread_all(const std::vector<UniqueFd>& files) {
  char text[4096];
  for (const UniqueFd& file : files)
    if (::pread(file.get(), text, sizeof(text), 0) <= 0) die("pread");
}

void cgtop() {
  const pid_t child = ::fork();
  if (child == 0) {
    const int nothing = ::open("/dev/null", O_WRONLY | O_CLOEXEC);
    ::dup2(nothing, STDOUT_FILENO);
    ::execlp("systemd-cgtop", "systemd-cgtop", "--batch", "--iterations=1", "--depth=3", "--raw", nullptr);
    ::_exit(127);
  }
  int status = 0;
  ::waitpid(child, &status, 0);
  if (!WIFEXITED(status) || WEXITSTATUS(status) != 0) die("systemd-cgtop failed");
}

void goal(const std::string& name, double measured, double target) {
  std::printf("goal %s %.1f x %.0f %s\n", name.c_str(), measured, target, measured >= target ? "met" : "missed");
}

struct Row {
  int accounts;
  const char* state;  // idle, or in_use
  double walk, open, kept, cgtop;
};

// Charges this process' next page of tmpfs and its next read of a disk to each account: an account in use has memory
// and I/O figures, which an idle one has not.
class InUse {
 public:
  InUse(const AccountTree& tree, int accounts) : home_(must(open_at(tree.mount_fd(), "cgroup.procs", O_WRONLY))) {
    for (int i = 0; i < accounts; ++i) {
      enter(must(open_at(tree.fd(), account(i) + "/cgroup.procs", O_WRONLY)));
      write_page(memory_, i);
      write_page(disk_, i);
    }
    enter(home_);
    ::sync();
  }
  InUse(const InUse&) = delete;
  InUse& operator=(const InUse&) = delete;
  ~InUse() {
    enter(home_);
    std::filesystem::remove_all(memory_path_);
    std::filesystem::remove_all(disk_path_);
  }

 private:
  static void enter(const UniqueFd& procs) {
    if (::write(procs.get(), "0", 1) != 1) die("cgroup.procs");
  }
  static void write_page(const UniqueFd& directory, int i) {
    const std::string page(4096, 'x');
    const UniqueFd file = must(open_at(directory.get(), std::to_string(i), O_CREAT | O_WRONLY, 0600));
    if (::write(file.get(), page.data(), page.size()) < 0) die("write a page");
  }
  static UniqueFd make(const std::string& path) {
    ::mkdir(path.c_str(), 0700);
    return must(open_at(AT_FDCWD, path, O_RDONLY | O_DIRECTORY));
  }
  UniqueFd home_;
  std::string memory_path_ = "/dev/shm/npanel-bench-" + std::to_string(::getpid());
  std::string disk_path_ = "/var/tmp/npanel-bench-" + std::to_string(::getpid());
  UniqueFd memory_ = make(memory_path_);
  UniqueFd disk_ = make(disk_path_);
};

Row measure(const AccountTree& tree, UsageWalk& walk, int accounts, const char* state) {
  Row row{.accounts = accounts, .state = state, .walk = 0, .open = 0, .kept = 0, .cgtop = 0};
  row.walk = median_ms(21, [&] {
    if (must(walk.walk()).size() != static_cast<size_t>(accounts)) die("the walk did not meet every account");
  });
  row.open = median_ms(5, [&] { open_read_close(tree, accounts); });
  {
    const std::vector<UniqueFd> files = open_all(tree, accounts);
    row.kept = median_ms(5, [&] { pread_all(files); });
  }
  row.cgtop = median_ms(3, cgtop);
  return row;
}

}  // namespace

int main() {
  const rlimit files{.rlim_cur = 100'000, .rlim_max = 100'000};
  ::setrlimit(RLIMIT_NOFILE, &files);
  const std::string path = "npanel-bench-" + std::to_string(::getpid());
  const AccountTree tree = must(AccountTree::open(find_mount("cgroup2").value_or("/sys/fs/cgroup"), path));
  for (const char* controller : {"cpu", "memory", "pids"})
    if (!tree.controllers().contains(controller)) die(std::string("no ") + controller + " controller here");
  UsageWalk walk = must(UsageWalk::load(tree.fd(), tree.account_level(), 10'000));

  std::printf("one refresh, median, ms\n%9s %8s %10s %16s %10s %14s\n", "accounts", "", "walk", "open/read/close",
              "kept fds", "systemd-cgtop");
  std::vector<Row> rows;
  const auto report = [&](int accounts, const char* state) {
    const Row& row = rows.emplace_back(measure(tree, walk, accounts, state));
    std::printf("%9d %8s %10.2f %16.1f %10.1f %14.1f\n", row.accounts, row.state, row.walk, row.open, row.kept,
                row.cgtop);
  };
  for (const int accounts : {1000, 5000}) {
    for (int i = 0; i < accounts; ++i) must(tree.find_or_make(account(i)));
    report(accounts, "idle");
    const InUse in_use(tree, accounts);
    report(accounts, "in_use");
  }
  for (int i = 0; i < rows.back().accounts; ++i) must(tree.remove(account(i), 0));
  ::unlinkat(tree.mount_fd(), path.c_str(), AT_REMOVEDIR);
  for (const Row& row : rows) {
    const std::string which = std::string(row.state) + "_" + std::to_string(row.accounts);
    goal("usage_against_open_" + which, row.open / row.walk, kGoalAgainstOpen);
    goal("usage_against_kept_" + which, row.kept / row.walk, kGoalAgainstKept);
  }
  return 0;
}
