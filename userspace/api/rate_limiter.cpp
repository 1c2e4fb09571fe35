// SPDX-License-Identifier: Apache-2.0
#include "api/rate_limiter.h"

#include <algorithm>

namespace npanel {
namespace {

constexpr uint64_t kRequest = 1'000'000;
constexpr int64_t kNewsEveryUs = 60'000'000;

uint64_t full(const RateRules& rules) {
  return rules.burst * kRequest;
}

}  // namespace

// A clock that steps back earns nothing and takes nothing.
uint64_t RateLimiter::credit_of(const Bucket& bucket, const RateRules& rules, int64_t now_us) {
  const auto idle_us = static_cast<uint64_t>(std::max<int64_t>(now_us - bucket.filled_us, 0));
  return std::min(bucket.credit + std::min(idle_us, full(rules)) * rules.requests_per_second, full(rules));
}

std::optional<RateLimiter::Refusal> RateLimiter::take(const std::string& client, const RateRules& rules,
                                                      int64_t now_us) {
  auto found = buckets_.find(client);
  if (found == buckets_.end()) {
    make_room(rules, now_us);
    found = buckets_.emplace(client, Bucket{.credit = full(rules), .filled_us = now_us}).first;
  }
  Bucket& bucket = found->second;
  bucket.credit = credit_of(bucket, rules, now_us);
  bucket.filled_us = std::max(bucket.filled_us, now_us);
  if (bucket.credit >= kRequest) {
    bucket.credit -= kRequest;
    return std::nullopt;
  }
  const bool news = !bucket.told_us || now_us - *bucket.told_us >= kNewsEveryUs;
  if (news) bucket.told_us = now_us;
  return Refusal{.news = news};
}

void RateLimiter::make_room(const RateRules& rules, int64_t now_us) {
  if (buckets_.size() < kClientsMost) return;
  std::erase_if(buckets_, [&](const auto& named) { return credit_of(named.second, rules, now_us) == full(rules); });
  if (buckets_.size() < kClientsMost) return;
  buckets_.erase(std::ranges::min_element(buckets_, {}, [](const auto& named) { return named.second.filled_us; }));
}

}  // namespace npanel
