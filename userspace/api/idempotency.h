// SPDX-License-Identifier: Apache-2.0
// idempotency.h: was this request answered already? (draft-ietf-httpapi-idempotency-key-header)
#pragma once

#include <functional>

#include "api/message.h"
#include "api/service.h"

namespace npanel {

// The answer to a request of this caller, who brings the key with every change (Caller::key). `done`: the change has
// been made already, and nobody was told.
using Answer = std::function<Response(const Caller& caller, bool done)>;

// answer(), or what it said, with all its headers, the first time that this client sent this key. A key that comes with
// another request is refused, and so is a key where `may_keep` is false. Of a request without a key, and of one that
// only reads, nothing is kept.
[[nodiscard]] Response replay_or_run(Service& service, const Caller& caller, const Request& request, bool may_keep,
                                     const Answer& answer);

}  // namespace npanel
