// SPDX-License-Identifier: Apache-2.0
#include "core/lived_clock.h"

#include <fcntl.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/parse.h"
#include "daemon/log.h"

namespace npanel {
namespace {

constexpr uint64_t kSaveEvery = 600;  // seconds: as much of the lived time a power cut may take

}  // namespace

Clocks clocks_now() {
  static const std::string boot_id = [] {
    const auto text = read_file_at(AT_FDCWD, "/proc/sys/kernel/random/boot_id");
    return text ? std::string(trim(*text)) : std::string();
  }();
  return {.boot_id = boot_id, .boot_ms = boot_ms(), .wall_ms = now_ms()};
}

void LivedClock::go_on() {
  const auto mark = ledger_.store().lived_mark();
  if (!mark) ledger_.complain(mark.error());
  time_ = LivedTime(mark ? *mark : std::nullopt, clocks_now());
}

int64_t LivedClock::lived_ms() const {
  return time_.lived_ms(boot_ms());
}

std::optional<int64_t> LivedClock::take_jump() {
  const auto jump_ms = time_.take_jump(clocks_now());
  if (jump_ms) {
    ++jumps_;
    const Json detail{{"seconds", static_cast<double>(*jump_ms) / 1000}};
    log_warning("the clock was set, by " + std::to_string(*jump_ms / 1000) + " s; what ends by it is moved as far");
    ledger_.note(event_now({}, "clock_set", detail));
  }
  if (jump_ms || seconds_ % kSaveEvery == 0) save();
  ++seconds_;
  return jump_ms;
}

void LivedClock::save() {
  if (ledger_.read_only()) return;
  if (const auto saved = ledger_.store().put(time_.mark(clocks_now())); !saved) ledger_.complain(saved.error());
}

}  // namespace npanel
