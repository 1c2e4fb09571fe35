// SPDX-License-Identifier: Apache-2.0
// idempotency.h: was this request answered already? (draft-ietf-httpapi-idempotency-key-header)
#pragma once

#include <functional>

#include "api/message.h"
#include "api/service.h"

namespace npanel {

// answer(), or what it said, with all its headers, the first time that this client sent this key. A key that comes with
// another request is refused, and so is a key where `may_keep` is false. Of a request without a key, and of one that
// only reads, nothing is kept.
[[nodiscard]] Response answer_once(Service& service, const Caller& caller, const Request& request, bool may_keep,
                                   const std::function<Response()>& answer);

}  // namespace npanel
