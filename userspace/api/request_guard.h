// SPDX-License-Identifier: Apache-2.0
// request_guard.h: what does every request pass before and after its route?
#pragma once

#include <functional>
#include <utility>

#include "api/idempotency.h"
#include "api/principal.h"
#include "api/rate_limiter.h"
#include "api/router.h"

namespace npanel {

// Whom the guard asks.
struct GuardSources {
  TokenFinder find_token;
  std::function<bool(Feature)> is_on;  // for the server
  // A change that was refused before it came to its route, or by it.
  std::function<void(AuditEntry)> audit_refusal;
  ReplyStore replies;
};

// Route, who asks, scope, rate, feature, size, Idempotency-Key, handler: the first that refuses is the answer. Refused
// changes go to the audit trail.
class RequestGuard {
 public:
  RequestGuard(Router router, GuardSources sources, const RateRules& rules)
      : router_(std::move(router)), sources_(std::move(sources)), authenticator_(sources_.find_token), rules_(rules) {}

  // Errors are answers too. request.began_us is the clock that the rates go by.
  [[nodiscard]] Response answer(const Request& request);
  void set_rules(const RateRules& rules) { rules_ = rules; }

 private:
  // `news`: a refusal that the audit trail should know of.
  struct Answered {
    Response response;
    bool news = true;
  };
  Answered admit(const Request& request, const Found& found, const Principal& principal);
  std::optional<Answered> authorize(const Request& request, const Route& route, const Principal& principal);
  std::optional<Answered> limit_rate(const Request& request, const Route& route, const Principal& principal);
  std::optional<Answered> require_feature(const Route& route) const;
  void audit(const Request& request, const Found& found, const Principal& principal, const Response& response);

  Router router_;
  GuardSources sources_;
  Authenticator authenticator_;
  RateRules rules_;
  RateLimiter clients_;
  RateLimiter anonymous_;  // one bucket for all: behind a proxy they all look the same
};

}  // namespace npanel
