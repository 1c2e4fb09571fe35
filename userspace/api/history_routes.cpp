// SPDX-License-Identifier: Apache-2.0
// history_routes.cpp: what happened: events, the agent's own failures, and who did what.
#include <array>

#include "api/route.h"

namespace npanel {
namespace {

constexpr uint64_t kEvents = 100;
constexpr uint64_t kFailures = 20;
constexpr uint64_t kEntries = 100;

Result<Response> list_events(const Call& call) {
  NP_TRY(only_parameters(call.query, {"account", "below", "limit"}));
  const auto account = NP_TRY(name_in(call.query, "account"));
  const auto below = NP_TRY(below_in(call.query));
  const uint64_t limit = NP_TRY(limit_in(call.query)).value_or(kEvents);
  return page_by_id("events", NP_TRY(call.service.events(account, below, static_cast<int>(limit))), limit);
}

Result<Response> list_failures(const Call& call) {
  NP_TRY(only_parameters(call.query, {"limit"}));
  const uint64_t limit = NP_TRY(limit_in(call.query)).value_or(kFailures);
  Json list = Json::array();
  for (const Failure& failure : NP_TRY(call.service.failures(static_cast<int>(limit)))) list.push_back(encode(failure));
  return ok({{"failures", std::move(list)}});
}

Result<Response> list_audit(const Call& call) {
  NP_TRY(only_parameters(call.query, {"account", "actor", "action", "text", "from", "until", "below", "limit"}));
  const uint64_t limit = NP_TRY(limit_in(call.query)).value_or(kEntries);
  const AuditQuery query{.account = NP_TRY(name_in(call.query, "account")),
                         .actor = NP_TRY(text_in(call.query, "actor")),
                         .action = NP_TRY(text_in(call.query, "action")),
                         .text = NP_TRY(text_in(call.query, "text")),
                         .from_ms = NP_TRY(time_in(call.query, "from")),
                         .until_ms = NP_TRY(time_in(call.query, "until")),
                         .below_id = NP_TRY(below_in(call.query)),
                         .limit = static_cast<int>(limit)};
  return page_by_id("entries", NP_TRY(call.service.audit(query)), limit);
}

constexpr std::array kRoutes = std::to_array<Route>({
    {.method = "GET", .path = "/api/v1/events", .handler = list_events},
    {.method = "GET", .path = "/api/v1/failures", .handler = list_failures},
    {.method = "GET", .path = "/api/v1/audit", .handler = list_audit, .feature = NP_AUDIT_LOGS_V2},
});

}  // namespace

std::span<const Route> history_routes() {
  return kRoutes;
}

}  // namespace npanel
