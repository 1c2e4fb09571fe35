// SPDX-License-Identifier: Apache-2.0
// job_routes.cpp: what takes longer than a request, and how far is it?
#include "core/jobs.h"

namespace npanel {
namespace {

Result<Response> list_jobs(Jobs& jobs, const Call&) {
  Json list = Json::array();
  for (const Job& job : jobs.list()) list.push_back(encode(job));
  return ok({{"jobs", std::move(list)}});
}

Result<Response> show_job(Jobs& jobs, const Call& call) {
  const int64_t id = NP_TRY(id_in_path(call.name));
  return ok(encode(NP_TRY(jobs.find(id))));
}

Result<Response> cancel_job(Jobs& jobs, const Call& call) {
  const int64_t id = NP_TRY(id_in_path(call.name));
  return ok(encode(NP_TRY(jobs.cancel(call.caller, id))));
}

}  // namespace

std::vector<Route> job_routes(Jobs& jobs) {
  return {
      {.method = "GET", .path = "/api/v1/jobs", .handler = over(jobs, list_jobs), .feature = NP_PROGRESS_TRACKING},
      {.method = "GET", .path = "/api/v1/jobs/*", .handler = over(jobs, show_job), .feature = NP_PROGRESS_TRACKING},
      {.method = "POST",
       .path = "/api/v1/jobs/*/cancel",
       .handler = over(jobs, cancel_job),
       .action = "job.cancel",
       .feature = NP_PROGRESS_TRACKING},
  };
}

}  // namespace npanel
