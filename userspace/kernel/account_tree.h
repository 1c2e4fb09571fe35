// SPDX-License-Identifier: Apache-2.0
// account_tree.h: where do the accounts' cgroups live, and which controllers reach them?
#pragma once

#include <string>
#include <vector>

#include "kernel/cgroup.h"
#include "model/settings.h"

namespace npanel {

// The one cgroup, `npanel` by default, that holds one cgroup for each account. No systemd unit owns it (ARCHITECTURE.md
// says why).
class AccountTree {
 public:
  // `mount`: where cgroup v2 is mounted. `path`: below it, one or more components. Makes what is missing and enables,
  // all the way down, every controller that the kernel offers; one that cannot be enabled is missing, not an error.
  static Result<AccountTree> open(const std::string& mount, const std::string& path);

  [[nodiscard]] const Controllers& controllers() const { return controllers_; }
  // False in a container: the mount shows a part of the hierarchy, and depths seen from here are not the kernel's.
  [[nodiscard]] bool at_hierarchy_root() const;
  // Depth of an account's cgroup below the mount: 2 for /npanel/bob.
  [[nodiscard]] int account_level() const { return account_level_; }
  [[nodiscard]] int fd() const { return top_.fd(); }
  [[nodiscard]] int mount_fd() const { return mount_.fd(); }

  // By directory: model/account's cgroup_directory().
  [[nodiscard]] Result<Cgroup> find(const std::string& directory) const;
  [[nodiscard]] Result<Cgroup> find_or_make(const std::string& directory) const;
  // The names of the cgroups that are there.
  [[nodiscard]] Result<std::vector<std::string>> list() const;

  // False while there is something in it, a process or a cgroup. One that is not there is gone.
  [[nodiscard]] Result<bool> remove_if_empty(const std::string& directory) const;
  // Kills what runs in the account's cgroup and removes it with all below it: true when it is gone, false when
  // processes are still dying (ask again). Waits `wait_ms` at the most. A cgroup that is not there is gone.
  [[nodiscard]] Result<bool> remove(const std::string& directory, int wait_ms) const;

 private:
  AccountTree(Cgroup mount, Cgroup top, Controllers controllers, int account_level)
      : mount_(std::move(mount)),
        top_(std::move(top)),
        controllers_(std::move(controllers)),
        account_level_(account_level) {}
  Cgroup mount_;
  Cgroup top_;
  Controllers controllers_;
  int account_level_;
};

}  // namespace npanel
