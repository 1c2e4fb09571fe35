// SPDX-License-Identifier: Apache-2.0
// idempotent_reply.h: what was the answer to a request that comes a second time?
#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

namespace npanel {

// Idempotency-Key (draft-ietf-httpapi-idempotency-key-header): kept for 24 hours, for each client. The key is kept with
// the change itself, its answer right after: who asks again after a crash between the two is not told "exists already".
struct IdempotentReply {
  std::string client;       // Caller::actor
  std::string key;          // 1 … 64 printable ASCII characters
  std::string fingerprint;  // SHA-256 of all that says what is asked for
  int64_t at_ms = 0;        // of lived time (model/lived_time.h)
  int status = 0;           // 0: what was asked for was done, and its answer was not given
  std::string body = {};
  std::vector<std::pair<std::string, std::string>> headers = {};  // ETag, Location …

  bool operator==(const IdempotentReply&) const = default;
};

}  // namespace npanel
