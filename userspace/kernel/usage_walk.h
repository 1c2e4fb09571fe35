// SPDX-License-Identifier: Apache-2.0
// usage_walk.h: what does every account use now, in one read()?
#pragma once

#include <memory>
#include <span>
#include <vector>

#include "base/result.h"
#include "model/device.h"
#include "npanel/usage.h"

struct np_usage_bpf;

namespace npanel {

class UsageWalk {
 public:
  // Loads the program for accounts `account_level` deep below the cgroup v2 root, whose parent is `tree_fd`.
  // ENOTSUP and friends where the kernel has no cgroup iterator (before 6.1).
  static Result<UsageWalk> load(int tree_fd, int account_level, uint32_t most_accounts);
  UsageWalk(UsageWalk&&) noexcept;
  UsageWalk& operator=(UsageWalk&&) noexcept;
  ~UsageWalk();

  // One row an account, in place: valid until the next walk.
  [[nodiscard]] Result<std::span<const np_usage>> walk();
  // Those of the last walk, as they were then.
  [[nodiscard]] std::span<const np_usage> rows() const;

  // Accounts that had no place in them.
  [[nodiscard]] uint32_t dropped() const;

  // I/O at these devices does not count, for it is counted at others, too (NP_IO_SKIP_MOST of them).
  Result<void> skip_devices(std::span<const DeviceNumber> devices);

  // What its cost is measured by (kernel/cost.h); open as long as this object lives.
  [[nodiscard]] std::vector<int> program_fds() const;
  [[nodiscard]] std::vector<int> map_fds() const;

 private:
  struct Loaded;
  explicit UsageWalk(std::unique_ptr<Loaded> loaded);
  Result<void> walk_once();
  bool judge_parts();
  std::unique_ptr<Loaded> loaded_;
};

}  // namespace npanel
