// SPDX-License-Identifier: Apache-2.0
// child.h: a process that does one thing where it is put, and tells what came of it.
#pragma once

#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cstdlib>
#include <functional>
#include <optional>
#include <vector>

#include "kernel/cgroup.h"

namespace npanel {

struct Place {
  const Cgroup* cgroup = nullptr;  // nullptr: where the test is
  std::optional<uid_t> uid = {};
};

struct Child {
  pid_t pid;
  int answer;  // a pipe
};

// Forks, moves the child to `place`, and lets it run `work`.
inline Child start_in(const Place& place, const std::function<std::vector<int>()>& work) {
  std::array<int, 2> pipe{};
  if (::pipe2(pipe.data(), O_CLOEXEC) != 0) std::abort();
  const pid_t child = ::fork();
  if (child == 0) {
    if (place.cgroup && !place.cgroup->add(::getpid())) ::_exit(1);
    if (place.uid && ::setresuid(*place.uid, *place.uid, *place.uid) != 0) ::_exit(1);
    const std::vector<int> numbers = work();
    const auto wanted = static_cast<ssize_t>(numbers.size() * sizeof(int));
    ::_exit(::write(pipe[1], numbers.data(), numbers.size() * sizeof(int)) == wanted ? 0 : 1);
  }
  ::close(pipe[1]);
  return {.pid = child, .answer = pipe[0]};
}

// Waits for the child and brings its numbers back. An empty answer: it could not be placed.
inline std::vector<int> finish(const Child& child) {
  std::vector<int> numbers;
  int number = 0;
  while (::read(child.answer, &number, sizeof(number)) == sizeof(number)) numbers.push_back(number);
  ::close(child.answer);
  ::waitpid(child.pid, nullptr, 0);
  return numbers;
}

inline std::vector<int> run_in(const Place& place, const std::function<std::vector<int>()>& work) {
  return finish(start_in(place, work));
}

}  // namespace npanel
