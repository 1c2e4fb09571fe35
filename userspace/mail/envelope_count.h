// SPDX-License-Identifier: Apache-2.0
// envelope_count.h: how many recipients has a message so far, of which the MTA asks at each RCPT?
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <unordered_map>

namespace npanel {

// Postfix says recipient_count only from DATA on (SMTPD_POLICY_README). Of the newest 4,096 messages: an older one
// begins anew, and its end is asked about all the same.
class EnvelopeCount {
 public:
  // With the one that is asked about. `message`: a hash of its instance; 0, which stands for none, is 1.
  uint32_t add(uint64_t message);

 private:
  std::unordered_map<uint64_t, uint32_t> recipients_;
  std::deque<uint64_t> oldest_first_;
};

}  // namespace npanel
