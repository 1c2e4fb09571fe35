// SPDX-License-Identifier: Apache-2.0
// status_routes.cpp: does the agent serve, and what does a monitoring system read?
#include "agent/status.h"

namespace npanel {
namespace {

Result<Response> show_status(Status& status, const Call&) {
  return ok(encode(status.now()));
}

// 200 as long as the agent serves: what the host lacks is no reason to restart it.
Result<Response> health(Status& status, const Call&) {
  const auto reasons = status.problems();
  return ok({{"status", reasons.empty() ? "ok" : "degraded"},
             {"reasons", reasons},
             {"watchdog", to_string(status.watchdog())}});
}

Result<Response> on_metrics(Status& status, const Call&) {
  return Response{.body = NP_TRY(status.metrics()), .content_type = "text/plain; version=0.0.4; charset=utf-8"};
}

Result<Response> show_stats(Status& status, const Call& call) {
  return ok(encode(NP_TRY(status.stats(call.name))));
}

Result<Response> list_stats(Status& status, const Call& call) {
  return page_by_name<AccountStats>(
      call.query, "stats", [&](const std::string&, size_t) { return status.stats(); },
      [](const AccountStats& stats) -> const std::string& { return stats.account->name; });
}

}  // namespace

std::vector<Route> Status::routes() {
  Status& status = *this;
  return {
      {.method = "GET", .path = "/healthz", .handler = over(status, health), .access = Access::open},
      {.method = "GET", .path = "/metrics", .handler = over(status, on_metrics), .access = Access::scrape},
      {.method = "GET", .path = "/api/v1/accounts/*/stats", .handler = over(status, show_stats)},
      {.method = "GET", .path = "/api/v1/stats", .handler = over(status, list_stats)},
      {.method = "GET", .path = "/api/v1/status", .handler = over(status, show_status)},
  };
}

}  // namespace npanel
