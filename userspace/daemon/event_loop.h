// SPDX-License-Identifier: Apache-2.0
// event_loop.h: what wakes the one thread up?
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <vector>

#include "base/result.h"

struct sd_event;
struct sd_event_source;

namespace npanel {

// sd-event(3) with closures. Handlers run one at a time and must not block for long: everybody waits for them.
class EventLoop {
 public:
  static Result<EventLoop> make();
  EventLoop(EventLoop&&) noexcept;
  ~EventLoop();

  Result<void> on_readable(int fd, std::function<void()> handler);
  // The same for a library that has timers of its own: `timeout_ms` is asked before each sleep.
  Result<void> on_readable_or_late(int fd, std::function<void()> handler,
                                   std::function<std::optional<uint64_t>()> timeout_ms);
  Result<void> every(std::chrono::microseconds interval, std::function<void()> handler);
  Result<void> on_signal(int signal, std::function<void()> handler);
  // Pets systemd's watchdog as long as the loop turns, when the unit asks for it (WatchdogSec=).
  Result<void> keep_watchdog();

  // Returns after stop().
  Result<void> run();
  void stop();

 private:
  struct Source;
  explicit EventLoop(sd_event* event);
  Source& add_source(std::function<void()> handler);
  sd_event* event_;
  std::vector<std::unique_ptr<Source>> sources_;
};

}  // namespace npanel
