// SPDX-License-Identifier: Apache-2.0
// idempotency.h: was this request answered already? (draft-ietf-httpapi-idempotency-key-header)
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>

#include "api/message.h"
#include "base/result.h"
#include "model/audit.h"

namespace npanel {

// Where they are kept.
struct ReplyStore {
  std::function<Result<std::optional<IdempotentReply>>(const std::string& client, const std::string& key)> find;
  std::function<Result<void>(const IdempotentReply& reply)> keep;
  std::function<int64_t()> lived_ms;  // what IdempotentReply::at_ms is in (model/lived_time.h)
};

// The answer to a request of this caller, who brings the key with every change (Caller::key). `done`: the change has
// been made already, and nobody was told.
using RequestRunner = std::function<Response(const Caller& caller, bool done)>;

// run(), or what it said, with all its headers, the first time that this client sent this key. A key that comes with
// another request is refused, and so is a key where `may_keep` is false. Of a request without a key, and of one that
// only reads, nothing is kept.
[[nodiscard]] Response replay_or_run(const ReplyStore& replies, const Caller& caller, const Request& request,
                                     bool may_keep, const RequestRunner& run);

}  // namespace npanel
