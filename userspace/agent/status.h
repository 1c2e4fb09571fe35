// SPDX-License-Identifier: Apache-2.0
// status.h: how is the agent, and what does every account use?
#pragma once

#include <chrono>
#include <functional>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "core/core.h"
#include "mail/mail.h"
#include "model/stats.h"

namespace npanel {

// What all rooms say, put together: for the API, and for Prometheus.
class Status final : public Room {
 public:
  Status(Core& core, Mail& mail, std::string version) : core_(core), mail_(mail), version_(std::move(version)) {}

  // Who knows of the sockets where the agent is asked.
  void ask_of_listeners(std::function<ListenerStatus()> listeners) { listeners_ = std::move(listeners); }

  [[nodiscard]] AgentStatus now();
  // Empty when all is well; else one sentence each.
  [[nodiscard]] std::vector<std::string> problems();
  [[nodiscard]] FeatureMode watchdog() const;
  [[nodiscard]] Result<std::vector<AccountStats>> stats();  // by name
  [[nodiscard]] Result<AccountStats> stats(const std::string& name);
  [[nodiscard]] Result<std::string> metrics();

  [[nodiscard]] std::vector<Route> routes() override;
  void add_problems(std::vector<std::string>& problems) override;

 private:
  // By cgroup id; empty when the walk cannot run.
  using Usage = std::map<uint64_t, const np_usage*>;
  Usage walk();
  Result<std::span<const np_usage>> rows();
  [[nodiscard]] AccountStats stats_of(const AccountEntry& entry, const Usage& usage);
  [[nodiscard]] std::optional<std::string> why_no_usage() const;

  Core& core_;
  Mail& mail_;
  std::string version_;
  std::chrono::system_clock::time_point started_ = std::chrono::system_clock::now();
  std::function<ListenerStatus()> listeners_;
  std::optional<std::string> walk_failed_;  // why the latest walk has no figures
  int64_t walked_ms_ = 0;                   // CLOCK_MONOTONIC
};

}  // namespace npanel
