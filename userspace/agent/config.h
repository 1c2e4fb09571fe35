// SPDX-License-Identifier: Apache-2.0
// config.h: how is this agent set up?
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/result.h"
#include "model/account.h"

namespace npanel {

struct Config {
  std::string cgroup_mount = "/sys/fs/cgroup";  // where cgroup v2 is mounted
  std::string cgroup_path = "npanel";           // below it: the accounts' own subtree
  std::string database = "/var/lib/npanel/npanel.db";
  std::string socket = "/run/npanel/agent.sock";
  std::string socket_group = "npanel";  // whose members may use the API; root always may
  std::string pin_dir = "/sys/fs/bpf/npanel";
  std::vector<uint16_t> smtp_ports = {25, 465, 587};  // 1 to 8 ports
  std::vector<std::string> io_devices;                // device nodes; empty: every device with hardware behind it
  uint64_t reconcile_per_second = 20;                 // accounts compared with the kernel a second, 1 … 10000
  Limits default_limits;
  RateLimit default_rate_limit;
};

// The built-in values with what the TOML file says. Errors name file and line; unknown keys are errors.
[[nodiscard]] Result<Config> read_config(const std::string& path);

}  // namespace npanel
