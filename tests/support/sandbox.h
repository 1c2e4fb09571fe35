// SPDX-License-Identifier: Apache-2.0
// sandbox.h: a corner of the real kernel where a test may do what it likes: a network and mounts of its own (with a
// bpffs), and a cgroup that is removed with all that runs in it. Needs root and a cgroup v2 mount; controllers are not
// needed.
#pragma once

#include <string>

#include "kernel/account_tree.h"
#include "model/feature.h"

namespace npanel {

class Sandbox {
 public:
  Sandbox();
  Sandbox(const Sandbox&) = delete;
  Sandbox& operator=(const Sandbox&) = delete;
  ~Sandbox();

  [[nodiscard]] const std::string& cgroup_mount() const { return cgroup_mount_; }
  // "npanel-test-PID", below the mount.
  [[nodiscard]] const std::string& cgroup_path() const { return cgroup_path_; }
  [[nodiscard]] std::string pin_dir() const { return bpffs_ + "/npanel"; }
  // The tree below the sandbox's cgroup: accounts are two deep.
  [[nodiscard]] const AccountTree& tree() const { return *tree_; }

 private:
  std::string cgroup_mount_;
  std::string cgroup_path_;
  std::string bpffs_;
  std::optional<AccountTree> tree_;
};

// Every feature on, for every account.
FeatureTable features_on();

}  // namespace npanel
