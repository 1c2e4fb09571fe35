// SPDX-License-Identifier: Apache-2.0
// status_routes.cpp: does the agent serve, and what does a monitoring system read?
#include <array>

#include "api/route.h"

namespace npanel {
namespace {

Result<Response> show_status(const Call& call) {
  return ok(encode(call.service.status()));
}

// 200 as long as the agent serves: what the host lacks is no reason to restart it.
Result<Response> health(const Call& call) {
  const auto reasons = call.service.complaints();
  const FeatureMode watchdog =
      call.service.enabled(NP_AGENT_WATCHDOG) ? call.service.feature(NP_AGENT_WATCHDOG).state.mode : FeatureMode::off;
  return ok({{"status", reasons.empty() ? "ok" : "degraded"}, {"reasons", reasons}, {"watchdog", to_string(watchdog)}});
}

Result<Response> metrics(const Call& call) {
  return Response{.body = NP_TRY(call.service.metrics()), .content_type = "text/plain; version=0.0.4; charset=utf-8"};
}

constexpr std::array kRoutes = std::to_array<Route>({
    {.method = "GET", .path = "/healthz", .handler = health, .access = Access::open},
    {.method = "GET", .path = "/metrics", .handler = metrics, .access = Access::scrape},
    {.method = "GET", .path = "/api/v1/status", .handler = show_status},
});

}  // namespace

std::span<const Route> status_routes() {
  return kRoutes;
}

}  // namespace npanel
