// SPDX-License-Identifier: Apache-2.0
// lived_clock.h: what holds although somebody sets the clock? docs/time.md lists every use of it.
#pragma once

#include <cstdint>
#include <optional>

#include "core/ledger.h"
#include "model/lived_time.h"

namespace npanel {

[[nodiscard]] Clocks clocks_now();

// The time that this server was up, over restarts and reboots.
class LivedClock {
 public:
  explicit LivedClock(Ledger& ledger) : ledger_(ledger), time_(std::nullopt, clocks_now()) {}
  // From where the agent before has left it.
  void go_on();
  [[nodiscard]] int64_t lived_ms() const;
  // Once a second: by how much somebody has set the wall clock since the last call, in ms.
  [[nodiscard]] std::optional<int64_t> take_jump();
  [[nodiscard]] uint64_t jumps() const { return jumps_; }
  void save();

 private:
  Ledger& ledger_;
  LivedTime time_;
  uint64_t jumps_ = 0;
  uint64_t seconds_ = 0;
};

}  // namespace npanel
