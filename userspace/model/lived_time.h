// SPDX-License-Identifier: Apache-2.0
// lived_time.h: how much time has really passed, when anybody may set the wall clock?
#pragma once

#include <cstdint>
#include <optional>
#include <string>

namespace npanel {

// All in milliseconds.
struct Clocks {
  std::string boot_id;  // /proc/sys/kernel/random/boot_id
  int64_t boot_ms = 0;  // CLOCK_BOOTTIME: runs through suspend, and nobody can set it
  int64_t wall_ms = 0;  // since 1970: whatever somebody has set
};

// What is written down of it, for the next start.
struct LivedMark {
  Clocks clocks = {};
  int64_t lived_ms = 0;
};

// The sum of what the boot clock has counted, of all boots. A server that is off does not live: that nobody can prove.
class LivedTime {
 public:
  // The wall clock has jumped, and was not only slewed (adjtimex(2) goes half a millisecond a second at most).
  static constexpr int64_t kJumpMs = 10'000;

  LivedTime(const std::optional<LivedMark>& before, const Clocks& now);

  [[nodiscard]] int64_t lived_ms(int64_t boot_ms) const { return lived_at_boot_ms_ + boot_ms; }
  // How far the wall clock has been set since it was asked last, ahead or, below 0, back; nullopt: it was not.
  [[nodiscard]] std::optional<int64_t> take_jump(const Clocks& now);
  [[nodiscard]] LivedMark mark(const Clocks& now) const { return {.clocks = now, .lived_ms = lived_ms(now.boot_ms)}; }

 private:
  int64_t lived_at_boot_ms_ = 0;  // below 0 when the agent came later than the boot
  int64_t offset_ms_ = 0;         // of the wall clock from the boot clock
};

}  // namespace npanel
