// SPDX-License-Identifier: Apache-2.0
// back_off.h: when is what has failed tried again?
#pragma once

#include <algorithm>
#include <cstdint>

namespace npanel {

// After one second, two, four … and from then on every minute. Moments are of CLOCK_MONOTONIC, in milliseconds.
class BackOff {
 public:
  [[nodiscard]] bool due(int64_t now_ms) const { return now_ms >= next_ms_; }
  void failed(int64_t now_ms) {
    next_ms_ = now_ms + wait_ms_;
    wait_ms_ = std::min(wait_ms_ * 2, kMostMs);
  }
  // The next failure is the first one.
  void succeeded() { *this = BackOff(); }
  // It has failed often enough to wait the longest.
  [[nodiscard]] bool patient() const { return wait_ms_ == kMostMs; }

 private:
  static constexpr int64_t kLeastMs = 1000;
  static constexpr int64_t kMostMs = 60'000;
  int64_t next_ms_ = 0;
  int64_t wait_ms_ = kLeastMs;
};

}  // namespace npanel
