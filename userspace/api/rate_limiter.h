// SPDX-License-Identifier: Apache-2.0
// rate_limiter.h: may this client ask once more?
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <string>

namespace npanel {

struct RateRules {
  uint64_t requests_per_second = 500;  // of one client, 1 … 100000
  uint64_t burst = 1000;               // back to back, 1 … 100000
};

// A token bucket for each client. A full bucket is as good as a new one, so it is forgotten when there are many.
class RateLimiter {
 public:
  struct Refusal {
    bool news = false;  // the client's first within a minute: the others are not worth a line
  };
  // nullopt: it may. `now_us`: CLOCK_MONOTONIC. Whoever is refused has earned a request after kRetryAfterSeconds.
  std::optional<Refusal> take(const std::string& client, const RateRules& rules, int64_t now_us);

  static constexpr int kRetryAfterSeconds = 1;
  static constexpr size_t kClientsMost = 1024;
  [[nodiscard]] size_t clients() const { return buckets_.size(); }

 private:
  // Microseconds times requests a second, so that nothing is lost by rounding.
  struct Bucket {
    uint64_t credit = 0;
    int64_t filled_us = 0;
    std::optional<int64_t> told_us = {};  // when a refusal was news
  };
  static uint64_t credit_of(const Bucket& bucket, const RateRules& rules, int64_t now_us);
  void make_room(const RateRules& rules, int64_t now_us);
  std::map<std::string, Bucket> buckets_;
};

}  // namespace npanel
