// SPDX-License-Identifier: Apache-2.0
// watchdog.h: who notices that the agent died or hangs, and brings it back?
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "api/message.h"
#include "daemon/config.h"
#include "daemon/event_loop.h"
#include "daemon/failure_log.h"
#include "systemd/unit.h"
#include "watchdog/health_check.h"

namespace npanel {

// Facts from systemd and from the agent's socket go to Recovery, which decides; what it orders is done here.
class Watchdog {
 public:
  static Result<std::unique_ptr<Watchdog>> start(const Config& config, std::string version);

  // The loop stops when the system bus is gone; systemd starts the watchdog again then.
  Result<void> attach(EventLoop& loop);

  // GET /metrics, /status and /healthz, the watchdog's own.
  [[nodiscard]] Response answer(const Request& request) const;

 private:
  Watchdog(const Config& config, std::string version, Systemd systemd, HealthCheck check, FailureLog failures);
  void look();
  void tick();
  void take_answer();
  void take_mode(FeatureMode mode);
  void obey(const Orders& orders);
  void obey(Orders::Unit order);
  void stop_units();
  void record(const Orders::Failed& failed);
  void remember();
  [[nodiscard]] WatchdogStatus status() const;

  std::string version_;
  std::string memory_path_;
  RecoveryRules rules_;
  Systemd systemd_;
  HealthCheck check_;
  FailureLog failures_;
  Recovery recovery_;
  RecoveryMemory remembered_;
  std::vector<std::string> to_stop_;  // given up, and not stopped yet
  bool changed_ = false;              // systemd signalled
  bool cannot_look_ = false;          // said once
  bool cannot_write_ = false;
  int64_t looked_ms_ = 0;
  HealthCheck::Answer last_answer_;
  bool answered_ = false;
  std::optional<Failure> last_failure_;
};

}  // namespace npanel
