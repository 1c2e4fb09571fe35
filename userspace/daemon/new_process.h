// SPDX-License-Identifier: Apache-2.0
// new_process.h: would this program, started anew, do better?
#pragma once

#include <sys/types.h>

#include <optional>
#include <string>
#include <utility>

#include "base/result.h"

namespace npanel {

// This very program in a child process, with one argument. It is killed when this object ends before it.
class NewProcess {
 public:
  static Result<NewProcess> start(const std::string& argument);
  NewProcess(NewProcess&& other) noexcept : pid_(std::exchange(other.pid_, -1)) {}
  NewProcess& operator=(NewProcess&& other) noexcept {
    std::swap(pid_, other.pid_);
    return *this;
  }
  NewProcess(const NewProcess&) = delete;
  NewProcess& operator=(const NewProcess&) = delete;
  ~NewProcess();

  // nullopt while it runs; 128 and more: it was killed, or nobody knows.
  [[nodiscard]] std::optional<int> exit_code();

 private:
  explicit NewProcess(pid_t pid) : pid_(pid) {}
  pid_t pid_;
};

}  // namespace npanel
