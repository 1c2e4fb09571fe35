// SPDX-License-Identifier: Apache-2.0
#include "model/lived_time.h"

#include <algorithm>
#include <cstdlib>
#include <utility>

namespace npanel {

LivedTime::LivedTime(const std::optional<LivedMark>& before, const Clocks& now)
    : lived_at_boot_ms_(-now.boot_ms), offset_ms_(now.wall_ms - now.boot_ms) {
  if (!before) return;
  const Clocks& then = before->clocks;
  if (then.boot_id == now.boot_id && then.boot_ms <= now.boot_ms) {
    lived_at_boot_ms_ = before->lived_ms - then.boot_ms;
    offset_ms_ = then.wall_ms - then.boot_ms;
  } else {
    lived_at_boot_ms_ = before->lived_ms;
    // How long it was off is not known, but it was not off for less than no time.
    offset_ms_ = std::max(offset_ms_, then.wall_ms);
  }
}

std::optional<int64_t> LivedTime::take_jump(const Clocks& now) {
  const int64_t offset_ms = now.wall_ms - now.boot_ms;
  const int64_t by_ms = offset_ms - std::exchange(offset_ms_, offset_ms);
  return std::abs(by_ms) >= kJumpMs ? std::optional(by_ms) : std::nullopt;
}

}  // namespace npanel
