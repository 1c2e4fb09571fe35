// SPDX-License-Identifier: Apache-2.0
// failure.h: what is kept of one death of the agent?
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace npanel {

// Written by the watchdog into a file, taken into the database by the agent once it is closed.
struct Failure {
  int64_t at_ms = 0;                             // when the agent died or gave its last sign of life, Unix time
  std::string reason;                            // "killed by signal 9 (SIGKILL)"
  bool closed = false;                           // recovered, or given up, or overtaken by the next failure
  std::optional<std::string> recovered_by = {};  // "systemd" or "watchdog"; nullopt: not recovered
  std::optional<double> recovery_seconds = {};   // from at_ms until the agent answered again
  std::vector<std::string> log = {};             // the agent's last lines, the oldest first

  bool operator==(const Failure&) const = default;
};

}  // namespace npanel
