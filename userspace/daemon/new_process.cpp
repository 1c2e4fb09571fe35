// SPDX-License-Identifier: Apache-2.0
#include "daemon/new_process.h"

#include <fcntl.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <csignal>

namespace npanel {
namespace {

constexpr int kUnknown = 128;

}  // namespace

Result<NewProcess> NewProcess::start(const std::string& argument) {
  std::string name = "npanel";
  std::string text = argument;
  const std::array<char*, 3> arguments = {name.data(), text.data(), nullptr};
  posix_spawn_file_actions_t actions;
  ::posix_spawn_file_actions_init(&actions);
  for (const int fd : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO})
    ::posix_spawn_file_actions_addopen(&actions, fd, "/dev/null", O_RDWR, 0);
  pid_t pid = -1;
  const int error = ::posix_spawn(&pid, "/proc/self/exe", &actions, nullptr, arguments.data(), ::environ);
  ::posix_spawn_file_actions_destroy(&actions);
  if (error != 0) return errno_failure("start /proc/self/exe " + argument, error);
  return NewProcess(pid);
}

NewProcess::~NewProcess() {
  if (pid_ <= 0) return;
  ::kill(pid_, SIGKILL);
  ::waitpid(pid_, nullptr, 0);
}

std::optional<int> NewProcess::exit_code() {
  int status = 0;
  const pid_t ended = ::waitpid(pid_, &status, WNOHANG);
  if (ended == 0) return std::nullopt;
  pid_ = -1;
  if (ended < 0 || !WIFEXITED(status)) return kUnknown;
  return WEXITSTATUS(status);
}

}  // namespace npanel
