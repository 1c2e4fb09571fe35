// SPDX-License-Identifier: Apache-2.0
// history_routes.cpp: what happened: events, the agent's own failures, and who did what.
#include "core/history_routes.h"

namespace npanel {
namespace {

constexpr uint64_t kEvents = 100;
constexpr uint64_t kFailures = 20;
constexpr uint64_t kEntries = 100;

Result<Response> list_events(Ledger& ledger, const Call& call) {
  NP_TRY(only_parameters(call.query, {"account", "below", "limit"}));
  const auto account = NP_TRY(name_in(call.query, "account"));
  const auto below = NP_TRY(below_in(call.query));
  const uint64_t limit = NP_TRY(limit_in(call.query)).value_or(kEvents);
  return page_by_id("events", NP_TRY(ledger.store().events(account, static_cast<int>(limit), below)), limit);
}

Result<Response> list_failures(Ledger& ledger, const Call& call) {
  NP_TRY(only_parameters(call.query, {"limit"}));
  const uint64_t limit = NP_TRY(limit_in(call.query)).value_or(kFailures);
  Json list = Json::array();
  for (const Failure& failure : NP_TRY(ledger.store().failures(static_cast<int>(limit))))
    list.push_back(encode(failure));
  return ok({{"failures", std::move(list)}});
}

Result<Response> list_audit(Ledger& ledger, const Call& call) {
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
  ledger.write_waiting();  // whoever asks sees the refusal of a moment ago
  return page_by_id("entries", NP_TRY(ledger.store().audit(query)), limit);
}

}  // namespace

std::vector<Route> history_routes(Ledger& ledger) {
  return {
      {.method = "GET", .path = "/api/v1/events", .handler = over(ledger, list_events)},
      {.method = "GET", .path = "/api/v1/failures", .handler = over(ledger, list_failures)},
      {.method = "GET", .path = "/api/v1/audit", .handler = over(ledger, list_audit), .feature = NP_AUDIT_LOGS_V2},
  };
}

}  // namespace npanel
