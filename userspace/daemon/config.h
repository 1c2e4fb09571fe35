// SPDX-License-Identifier: Apache-2.0
// config.h: how is this agent set up?
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/result.h"
#include "model/account.h"

namespace npanel {

constexpr const char* kDefaultConfig = "/etc/npanel/agent.toml";

struct Config {
  std::string cgroup_mount = "/sys/fs/cgroup";  // where cgroup v2 is mounted
  std::string cgroup_path = "npanel";           // below it: the accounts' own subtree
  std::string database = "/var/lib/npanel/npanel.db";
  std::string socket = "/run/npanel/agent.sock";
  std::string socket_group = "npanel";  // whose members may use the API; root always may
  std::string pin_dir = "/sys/fs/bpf/npanel";
  std::string watchdog_socket = "/run/npanel/watchdog.sock";
  uint64_t watchdog_interval_s = 2;                   // between two health checks, 1 … 60
  uint64_t watchdog_timeout_s = 3;                    // no answer within it is a hang, 1 … 30
  uint64_t watchdog_restarts_per_hour = 5;            // 1 … 1000
  std::vector<uint16_t> smtp_ports = {25, 465, 587};  // 1 to 8 ports
  std::vector<std::string> io_devices;                // device nodes; empty: every device with hardware behind it
  uint64_t reconcile_per_second = 20;                 // accounts compared with the kernel a second, 1 … 10000
  Limits default_limits;
  RateLimit default_rate_limit;

  // Beside the database: what the watchdog leaves for the agent, and what it remembers itself.
  [[nodiscard]] std::string failure_directory() const;
  [[nodiscard]] std::string watchdog_memory() const;
  // On a tmpfs: beside the socket.
  [[nodiscard]] std::string scratch_directory() const;
};

// The built-in values with what the TOML file says. Errors name file and line; unknown keys are errors.
[[nodiscard]] Result<Config> read_config(const std::string& path);

}  // namespace npanel
