// SPDX-License-Identifier: Apache-2.0
#include "mail/message_outcomes.h"

#include <utility>

namespace npanel {
namespace {

constexpr size_t kMessagesMost = 16384;     // the kernel remembers as many
constexpr size_t kRecipientsMost = 131072;  // some 6 MB

}  // namespace

void MessageOutcomes::make_room() {
  while (messages_.size() >= kMessagesMost || (recipients_ >= kRecipientsMost && !messages_.empty())) {
    const auto oldest = messages_.find(oldest_first_.front());
    oldest_first_.pop_front();
    recipients_ -= oldest->second.decided.size();
    messages_.erase(oldest);
  }
}

MessageOutcomes::Message& MessageOutcomes::at(uint64_t message) {
  make_room();
  const auto [found, fresh] = messages_.try_emplace(message);
  if (fresh) oldest_first_.push_back(message);
  return found->second;
}

bool MessageOutcomes::judge(uint64_t message, uint64_t recipient, bool decided, uint32_t charged) {
  auto& recipients = at(message).decided;
  if (recipients.size() >= charged && !recipients.contains(recipient)) return false;
  const auto [known, fresh] = recipients.try_emplace(recipient, false);
  if (fresh) ++recipients_;
  if (!decided) return fresh;
  return !std::exchange(known->second, true);
}

void MessageOutcomes::join(uint64_t part, uint64_t whole) {
  if (whole == 0) {
    wholes_.erase(part);
    return;
  }
  while (parts_oldest_first_.size() >= kMessagesMost) {
    wholes_.erase(parts_oldest_first_.front());
    parts_oldest_first_.pop_front();
  }
  if (wholes_.insert_or_assign(part, whole).second) parts_oldest_first_.push_back(part);
}

uint64_t MessageOutcomes::whole(uint64_t message) const {
  const auto found = wholes_.find(message);
  return found == wholes_.end() ? message : found->second;
}

}  // namespace npanel
