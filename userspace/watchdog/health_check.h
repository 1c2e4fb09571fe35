// SPDX-License-Identifier: Apache-2.0
// health_check.h: does the agent answer a real request?
#pragma once

#include <array>
#include <optional>
#include <string>

#include "base/result.h"
#include "base/unique_fd.h"
#include "model/feature.h"

namespace npanel {

// GET /healthz over the agent's socket, without blocking, in somebody else's event loop. The retry is a request on a
// connection of its own: at once when the first one failed, else after half the time, so that a hang is known when the
// whole time is over and not when it is over twice. Any answer with status 200 counts, whatever else it says; the rest
// of it is waited for, until the time is over, because it says what the watchdog may do.
//
// The request is ours and not libcurl's: that would bring twenty shared libraries into the process that has to live
// when others do not.
class HealthCheck {
 public:
  struct Answer {
    int64_t latency_us = 0;           // until the answer, or the end
    std::optional<std::string> why;   // not healthy
    std::optional<FeatureMode> mode;  // "watchdog" in the answer; nullopt: it does not say
  };

  static Result<HealthCheck> make(std::string socket, int64_t timeout_ms);

  // Forgets a check that is under way. Times are CLOCK_MONOTONIC.
  void begin(int64_t now_us);
  // Readable when there is something to do for run().
  [[nodiscard]] int epoll_fd() const { return epoll_.get(); }
  [[nodiscard]] std::optional<uint64_t> timeout_ms(int64_t now_us) const;
  // The end of the check, once.
  std::optional<Answer> run(int64_t now_us);

 private:
  struct Attempt {
    UniqueFd connection;
    std::string received;
    bool ended = false;  // nothing more comes
    std::optional<std::string> failed;

    [[nodiscard]] bool healthy() const;
  };

  HealthCheck(std::string socket, int64_t timeout_ms, UniqueFd epoll)
      : socket_(std::move(socket)), timeout_us_(timeout_ms * 1000), epoll_(std::move(epoll)) {}
  void connect(Attempt& attempt);
  void receive(Attempt& attempt);
  [[nodiscard]] bool retry_is_due(int64_t now_us) const;
  Answer end(int64_t now_us, std::optional<std::string> why);
  Answer end_well(int64_t now_us, const Attempt& attempt);

  std::string socket_;
  int64_t timeout_us_;
  UniqueFd epoll_;
  std::optional<int64_t> began_us_;
  std::array<Attempt, 2> attempts_;
  size_t made_ = 0;
};

}  // namespace npanel
