// SPDX-License-Identifier: Apache-2.0
// job.h: how far is an operation that takes longer than a request?
#pragma once

#include <cstdint>
#include <deque>
#include <optional>
#include <string>

namespace npanel {

struct Job {
  enum class State { running, done, failed, cancelled };
  int64_t id = 0;
  std::string kind;                         // "apply", "drain", "backup"
  std::optional<std::string> account = {};  // whose, when it is one account's
  State state = State::running;
  std::string stage;       // "account 120 of 5000"
  uint64_t done = 0;       // of `total` units (accounts, processes, pages)
  uint64_t total = 0;      // 0: not known yet
  int64_t started_ms = 0;  // Unix time
  std::optional<int64_t> ended_ms = {};
  std::optional<double> eta_seconds = {};  // nullopt: not known yet, or ended
  std::string result = {};                 // a sentence, when ended
  std::deque<std::string> log = {};        // the last 100 lines

  [[nodiscard]] double percent() const {
    if (state == State::done) return 100;
    return total == 0 ? 0 : 100.0 * static_cast<double>(done) / static_cast<double>(total);
  }
};
[[nodiscard]] const char* to_string(Job::State state);

}  // namespace npanel
