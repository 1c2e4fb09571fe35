// SPDX-License-Identifier: Apache-2.0
// clock.h: what time is it, and how is a time written?
#pragma once

#include <chrono>
#include <cstdint>
#include <cstdio>
#include <ctime>
#include <string>

namespace npanel {

[[nodiscard]] inline int64_t now_ms() {
  const auto now = std::chrono::system_clock::now().time_since_epoch();
  return std::chrono::duration_cast<std::chrono::milliseconds>(now).count();
}

// CLOCK_MONOTONIC: for durations and deadlines.
[[nodiscard]] inline int64_t steady_us() {
  const auto now = std::chrono::steady_clock::now().time_since_epoch();
  return std::chrono::duration_cast<std::chrono::microseconds>(now).count();
}
[[nodiscard]] inline int64_t steady_ms() {
  return steady_us() / 1000;
}

// CLOCK_BOOTTIME: runs through suspend, and nobody can set it.
[[nodiscard]] inline uint64_t boot_ns() {
  timespec now{};
  ::clock_gettime(CLOCK_BOOTTIME, &now);
  return static_cast<uint64_t>(now.tv_sec) * 1'000'000'000 + static_cast<uint64_t>(now.tv_nsec);
}

[[nodiscard]] inline int64_t boot_ms() {
  return static_cast<int64_t>(boot_ns() / 1'000'000);
}

// RFC 3339 in UTC with milliseconds: "2026-11-22T19:40:00.123Z".
[[nodiscard]] inline std::string utc_time(int64_t ms_since_1970) {
  const std::time_t seconds = ms_since_1970 / 1000;
  std::tm parts{};
  ::gmtime_r(&seconds, &parts);
  char day[32];
  const size_t length = std::strftime(day, sizeof(day), "%Y-%m-%dT%H:%M:%S", &parts);
  char milliseconds[16];
  std::snprintf(milliseconds, sizeof(milliseconds), ".%03dZ", static_cast<int>(ms_since_1970 % 1000));
  return std::string(day, length) + milliseconds;
}

}  // namespace npanel
