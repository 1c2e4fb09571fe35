// SPDX-License-Identifier: Apache-2.0
// cgroup.h: what can be done to one cgroup?
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "base/unique_fd.h"

namespace npanel {

// Held by directory fd: a cgroup that is removed and made again under the same name is another object, and writes to
// the old one fail with ENODEV instead of reaching the new one.
class Cgroup {
 public:
  // `name` is one path component below `parent`, or an absolute path. ENOENT when there is none.
  static Result<Cgroup> open(int parent, const std::string& name);

  [[nodiscard]] int fd() const { return dir_.get(); }
  // The inode number: what BPF calls the cgroup id.
  [[nodiscard]] Result<uint64_t> id() const;

  [[nodiscard]] Result<std::string> read(const std::string& file) const;
  Result<void> write(const std::string& file, std::string_view text) const;

  [[nodiscard]] Result<std::vector<pid_t>> pids() const;
  // Moves a process with all its threads.
  Result<void> add(pid_t pid) const;
  // SIGKILL to everything in the subtree, forks included (cgroup.kill, Linux 5.14).
  Result<void> kill() const;
  [[nodiscard]] Result<bool> populated() const;
  // The names of the cgroups right below it.
  [[nodiscard]] Result<std::vector<std::string>> children() const;

 private:
  explicit Cgroup(UniqueFd dir) : dir_(std::move(dir)) {}
  UniqueFd dir_;
};

}  // namespace npanel
