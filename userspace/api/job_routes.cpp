// SPDX-License-Identifier: Apache-2.0
// job_routes.cpp: what takes longer than a request, and how far is it?
#include <array>

#include "api/route.h"

namespace npanel {
namespace {

Result<Response> list_jobs(const Call& call) {
  Json list = Json::array();
  for (const Job& job : call.service.jobs()) list.push_back(encode(job));
  return ok({{"jobs", std::move(list)}});
}

Result<Response> show_job(const Call& call) {
  const int64_t id = NP_TRY(id_in_path(call.name));
  return ok(encode(NP_TRY(call.service.job(id))));
}

Result<Response> cancel_job(const Call& call) {
  const int64_t id = NP_TRY(id_in_path(call.name));
  return ok(encode(NP_TRY(call.service.cancel_job(call.caller, id))));
}

Result<Response> apply_all(const Call& call) {
  return started(NP_TRY(call.service.start_apply(call.caller)));
}

Result<Response> back_up(const Call& call) {
  return started(NP_TRY(call.service.start_backup(call.caller)));
}

constexpr std::array kRoutes = std::to_array<Route>({
    {.method = "GET", .path = "/api/v1/jobs", .handler = list_jobs, .feature = NP_PROGRESS_TRACKING},
    {.method = "GET", .path = "/api/v1/jobs/*", .handler = show_job, .feature = NP_PROGRESS_TRACKING},
    {.method = "POST",
     .path = "/api/v1/jobs/*/cancel",
     .handler = cancel_job,
     .action = "job.cancel",
     .feature = NP_PROGRESS_TRACKING},
    {.method = "POST",
     .path = "/api/v1/apply",
     .handler = apply_all,
     .action = "apply",
     .feature = NP_PROGRESS_TRACKING},
    {.method = "POST",
     .path = "/api/v1/backup",
     .handler = back_up,
     .action = "backup",
     .feature = NP_PROGRESS_TRACKING},
});

}  // namespace

std::span<const Route> job_routes() {
  return kRoutes;
}

}  // namespace npanel
