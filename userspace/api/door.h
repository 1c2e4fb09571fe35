// SPDX-License-Identifier: Apache-2.0
// door.h: what does every request pass before and after its route?
#pragma once

#include "api/rate_limiter.h"
#include "api/routes.h"
#include "api/visitor.h"

namespace npanel {

// Route, who asks, scope, rate, gate, size, Idempotency-Key, handler: the first that refuses is the answer. Refused
// changes go to the audit trail.
class Door {
 public:
  Door(Service& service, const DoorRules& rules) : service_(service), visitors_(service), rules_(rules) {}

  // Errors are answers too. request.began_us is the clock that the rates go by.
  [[nodiscard]] Response answer(const Request& request);
  void set_rules(const DoorRules& rules) { rules_ = rules; }

 private:
  // `news`: a refusal that the audit trail should know of.
  struct Answered {
    Response response;
    bool news = true;
  };
  Answered let_in(const Request& request, const Found& found, const Visitor& visitor);
  std::optional<Answered> refuse_stranger(const Request& request, const Route& route, const Visitor& visitor);
  std::optional<Answered> refuse_haste(const Request& request, const Route& route, const Visitor& visitor);
  std::optional<Answered> refuse_gated(const Route& route) const;
  void audit(const Request& request, const Found& found, const Visitor& visitor, const Response& response);

  Service& service_;
  Visitors visitors_;
  DoorRules rules_;
  RateLimiter clients_;
  RateLimiter strangers_;  // one bucket for all: behind a proxy they all look the same
};

}  // namespace npanel
