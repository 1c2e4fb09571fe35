// SPDX-License-Identifier: Apache-2.0
#include "core/audit_entry.h"

#include "base/clock.h"

namespace npanel {
namespace {

std::string text_of_any(const Json& json) {
  return json.dump(-1, ' ', true, Json::error_handler_t::replace);
}

std::string text_or_nothing(const Json& json) {
  return json.is_null() ? std::string() : text_of_any(json);
}

}  // namespace

Caller agent_itself() {
  return {.actor = "agent", .source = "agent", .began_us = steady_us()};
}

AuditEntry audit_entry(const Caller& caller, std::string action, std::optional<std::string> account, std::string target,
                       const Json& before, const Json& after) {
  return {.at_ms = now_ms(),
          .actor = caller.actor,
          .source = caller.source,
          .action = std::move(action),
          .account = std::move(account),
          .target = std::move(target),
          .before = text_or_nothing(before),
          .after = text_or_nothing(after),
          .duration_us = steady_us() - caller.began_us,
          .request_id = caller.request_id,
          .key = caller.key};
}

Event event_now(std::optional<std::string> account, std::string kind, const Json& detail) {
  return {.at_ms = now_ms(), .account = std::move(account), .kind = std::move(kind), .detail = text_of_any(detail)};
}

}  // namespace npanel
