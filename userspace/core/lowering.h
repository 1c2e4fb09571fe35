// SPDX-License-Identifier: Apache-2.0
// lowering.h: who writes a limit below what is used? The kernel makes the writer reclaim the difference, as long as
// that takes; so npanel-helper writes it, with a descriptor of ours.
#pragma once

#include <functional>
#include <map>
#include <optional>
#include <string>
#include <utility>

#include "helper/client.h"
#include "kernel/apply_settings.h"

namespace npanel {

class Lowering {
 public:
  explicit Lowering(HelperClient& helper) : helper_(helper) {}
  // Called when a write has ended, well or not.
  void on_end(std::function<void(const std::string& account)> tell) { tell_ = std::move(tell); }

  // For apply_settings() of this account.
  [[nodiscard]] SlowWriter writer_for(const std::string& account, uint64_t cgroup_id);
  void forget(const std::string& account);

 private:
  using Key = std::pair<std::string, std::string>;  // account and file
  void end(const Key& key, int error);
  void begin(const std::string& account, uint64_t cgroup_id, const Cgroup& cgroup, const Setting& setting);

  struct State {
    bool under_way = false;
    std::string failed = {};  // why the last one did
  };
  HelperClient& helper_;
  std::function<void(const std::string&)> tell_ = [](const std::string&) {};
  std::map<Key, State> states_;
};

}  // namespace npanel
