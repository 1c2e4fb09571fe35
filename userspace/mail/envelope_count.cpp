// SPDX-License-Identifier: Apache-2.0
#include "mail/envelope_count.h"

namespace npanel {
namespace {

constexpr size_t kMessagesMost = 4096;

}  // namespace

uint32_t EnvelopeCount::add(uint64_t message) {
  if (message == 0) return 1;
  const auto [found, fresh] = recipients_.try_emplace(message, 0);
  const uint32_t count = ++found->second;
  if (fresh) oldest_first_.push_back(message);
  if (oldest_first_.size() > kMessagesMost) {
    recipients_.erase(oldest_first_.front());
    oldest_first_.pop_front();
  }
  return count;
}

}  // namespace npanel
