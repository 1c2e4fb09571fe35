// SPDX-License-Identifier: Apache-2.0
// status_routes.cpp: does the agent serve, and what does a monitoring system read?
#include "api/service_routes.h"

namespace npanel {
namespace {

Result<Response> show_status(Service& service, const Call&) {
  return ok(encode(service.status()));
}

// 200 as long as the agent serves: what the host lacks is no reason to restart it.
Result<Response> health(Service& service, const Call&) {
  const auto reasons = service.complaints();
  const FeatureMode watchdog =
      service.enabled(NP_AGENT_WATCHDOG) ? service.feature(NP_AGENT_WATCHDOG).state.mode : FeatureMode::off;
  return ok({{"status", reasons.empty() ? "ok" : "degraded"}, {"reasons", reasons}, {"watchdog", to_string(watchdog)}});
}

Result<Response> metrics(Service& service, const Call&) {
  return Response{.body = NP_TRY(service.metrics()), .content_type = "text/plain; version=0.0.4; charset=utf-8"};
}

}  // namespace

std::vector<Route> status_routes(Service& service) {
  return {
      {.method = "GET", .path = "/healthz", .handler = over(service, health), .access = Access::open},
      {.method = "GET", .path = "/metrics", .handler = over(service, metrics), .access = Access::scrape},
      {.method = "GET", .path = "/api/v1/status", .handler = over(service, show_status)},
  };
}

}  // namespace npanel
