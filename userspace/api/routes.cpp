// SPDX-License-Identifier: Apache-2.0
#include "api/routes.h"

#include <array>
#include <limits>
#include <vector>

#include "api/codec.h"
#include "api/problem.h"
#include "base/parse.h"

namespace npanel {
namespace {

// What a handler sees: the request, and the {name} of its path when it has one (valid).
struct Call {
  Service& service;
  const Request& request;
  std::string name;
};
using Handler = Result<Response> (*)(const Call&);

Response ok(const Json& json, int status = 200) {
  return {.status = status, .body = json.dump(-1, ' ', false, Json::error_handler_t::replace) + "\n"};
}

Response no_content() {
  return {.status = 204, .body = {}};
}

Result<Response> list_accounts(const Call& call) {
  Json list = Json::array();
  for (const AccountView& view : call.service.accounts()) list.push_back(encode(view));
  return ok({{"accounts", std::move(list)}});
}

Result<Response> create_account(const Call& call) {
  const Json body = NP_TRY(parse_object(call.request.body));
  NP_TRY(only_keys(body, "", {"name", "uid", "limits", "rate_limit"}));
  if (!body.contains("name") || !body["name"].is_string()) return refused("name", "must be there, as a string");
  Account wanted;
  wanted.name = NP_TRY(parse_account_name(body["name"].get<std::string>()));
  if (body.contains("uid") && !body["uid"].is_null()) {
    const uint64_t uid = NP_TRY(whole_number(body["uid"], "uid", kLeastUid, std::numeric_limits<uid_t>::max() - 1));
    wanted.uid = static_cast<uid_t>(uid);
  }
  wanted.limits = NP_TRY(decode_limits(body.value("limits", Json::object()), call.service.default_limits()));
  wanted.rate_limit =
      NP_TRY(decode_rate_limit(body.value("rate_limit", Json::object()), call.service.default_rate_limit()));
  return ok(encode(NP_TRY(call.service.create(std::move(wanted), !body.contains("uid")))), 201);
}

Result<Response> show_account(const Call& call) {
  return ok(encode(NP_TRY(call.service.account(call.name))));
}

Result<Response> change_account(const Call& call) {
  const Account now = NP_TRY(call.service.account(call.name)).account;
  const Json body = NP_TRY(parse_object(call.request.body));
  NP_TRY(only_keys(body, "", {"limits", "rate_limit"}));
  const Limits limits = NP_TRY(decode_limits(body.value("limits", Json::object()), now.limits));
  const RateLimit rate_limit = NP_TRY(decode_rate_limit(body.value("rate_limit", Json::object()), now.rate_limit));
  return ok(encode(NP_TRY(call.service.change(call.name, limits, rate_limit))));
}

Result<Response> change_rate_limit(const Call& call) {
  const Account now = NP_TRY(call.service.account(call.name)).account;
  const Json body = NP_TRY(parse_object(call.request.body));
  const RateLimit rate_limit = NP_TRY(decode_rate_limit(body, now.rate_limit));
  return ok(encode(NP_TRY(call.service.change(call.name, now.limits, rate_limit))));
}

Result<Response> delete_account(const Call& call) {
  if (const auto dying = NP_TRY(call.service.remove(call.name))) return ok(encode(*dying), 202);
  return no_content();
}

Result<Response> suspend_account(const Call& call) {
  return ok(encode(NP_TRY(call.service.suspend(call.name))));
}
Result<Response> resume_account(const Call& call) {
  return ok(encode(NP_TRY(call.service.resume(call.name))));
}

Result<Response> list_processes(const Call& call) {
  return ok({{"pids", NP_TRY(call.service.processes(call.name))}});
}

Result<Response> add_process(const Call& call) {
  constexpr uint64_t kPidMost = 4194304;  // PID_MAX_LIMIT on 64 bits
  const Json body = NP_TRY(parse_object(call.request.body));
  NP_TRY(only_keys(body, "", {"pid"}));
  if (!body.contains("pid")) return refused("pid", "must be there, as a whole number");
  const auto pid = static_cast<pid_t>(NP_TRY(whole_number(body["pid"], "pid", 1, kPidMost)));
  NP_TRY(call.service.add_process(call.name, pid));
  return no_content();
}

Result<Response> show_stats(const Call& call) {
  return ok(encode(NP_TRY(call.service.stats(call.name))));
}

Result<Response> list_stats(const Call& call) {
  Json list = Json::array();
  for (const AccountStats& stats : NP_TRY(call.service.stats())) list.push_back(encode(stats));
  return ok({{"stats", std::move(list)}});
}

Result<Response> list_events(const Call& call) {
  constexpr uint64_t kDefault = 100;
  constexpr uint64_t kMost = 1000;
  std::optional<std::string> account;
  uint64_t limit = kDefault;
  for (const auto& [key, value] : call.request.query) {
    if (key == "account") {
      account = NP_TRY(parse_account_name(value));
    } else if (key == "limit") {
      limit = parse_u64(value).value_or(0);
      if (limit < 1 || limit > kMost) return refused("limit", "must be a whole number from 1 to 1000");
    } else {
      return refused(key, "is not known here; known: account, limit");
    }
  }
  Json list = Json::array();
  for (const Event& event : NP_TRY(call.service.events(account, static_cast<int>(limit))))
    list.push_back(encode(event));
  return ok({{"events", std::move(list)}});
}

Result<Response> list_failures(const Call& call) {
  constexpr uint64_t kDefault = 20;
  constexpr uint64_t kMost = 1000;
  uint64_t limit = kDefault;
  for (const auto& [key, value] : call.request.query) {
    if (key != "limit") return refused(key, "is not known here; known: limit");
    limit = parse_u64(value).value_or(0);
    if (limit < 1 || limit > kMost) return refused("limit", "must be a whole number from 1 to 1000");
  }
  Json list = Json::array();
  for (const Failure& failure : NP_TRY(call.service.failures(static_cast<int>(limit)))) list.push_back(encode(failure));
  return ok({{"failures", std::move(list)}});
}

Result<Response> show_status(const Call& call) {
  return ok(encode(call.service.status()));
}

// 200 as long as the agent serves: what the host lacks is no reason to restart it.
Result<Response> health(const Call& call) {
  const auto reasons = call.service.complaints();
  if (reasons.empty()) return ok({{"status", "ok"}, {"reasons", Json::array()}});
  return ok({{"status", "degraded"}, {"reasons", reasons}});
}

Result<Response> metrics(const Call& call) {
  return Response{.status = 200,
                  .body = NP_TRY(call.service.metrics()),
                  .content_type = "text/plain; version=0.0.4; charset=utf-8",
                  .allow = {}};
}

struct Route {
  std::string_view method;
  std::string_view path;  // "*" is {name}
  Handler handler;
};
constexpr std::array kRoutes = std::to_array<Route>({
    {"GET", "/healthz", health},
    {"GET", "/metrics", metrics},
    {"GET", "/api/v1/status", show_status},
    {"GET", "/api/v1/events", list_events},
    {"GET", "/api/v1/failures", list_failures},
    {"GET", "/api/v1/stats", list_stats},
    {"GET", "/api/v1/accounts", list_accounts},
    {"POST", "/api/v1/accounts", create_account},
    {"GET", "/api/v1/accounts/*", show_account},
    {"PATCH", "/api/v1/accounts/*", change_account},
    {"DELETE", "/api/v1/accounts/*", delete_account},
    {"POST", "/api/v1/accounts/*/suspend", suspend_account},
    {"POST", "/api/v1/accounts/*/resume", resume_account},
    {"POST", "/api/v1/accounts/*/rate-limit", change_rate_limit},
    {"GET", "/api/v1/accounts/*/processes", list_processes},
    {"POST", "/api/v1/accounts/*/processes", add_process},
    {"GET", "/api/v1/accounts/*/stats", show_stats},
});

// The text that stands for '*', "" for a pattern without one; nullopt when the path does not fit.
std::optional<std::string_view> match(std::string_view pattern, std::string_view path) {
  const auto star = pattern.find('*');
  if (star == std::string_view::npos) return pattern == path ? std::optional(std::string_view{}) : std::nullopt;
  const std::string_view after = pattern.substr(star + 1);
  if (!path.starts_with(pattern.substr(0, star))) return std::nullopt;
  path.remove_prefix(star);
  const std::string_view name = path.substr(0, path.find('/'));
  return path.substr(name.size()) == after ? std::optional(name) : std::nullopt;
}

Result<Response> run(Service& service, const Request& request, const Route& route, std::string_view name) {
  if (route.path.find('*') == std::string_view::npos) return route.handler({service, request, {}});
  return route.handler({service, request, NP_TRY(parse_account_name(name))});
}

}  // namespace

Response answer(Service& service, const Request& request) {
  std::string allowed;
  for (const Route& route : kRoutes) {
    const auto name = match(route.path, request.path);
    if (!name) continue;
    allowed += (allowed.empty() ? "" : ", ") + std::string(route.method);
    if (route.method != request.method) continue;
    auto response = run(service, request, route, *name);
    return response ? std::move(*response) : problem(response.error());
  }
  if (allowed.empty()) return problem(404, "no such resource: " + request.path);
  Response response = problem(405, request.method + " is not allowed here; allowed: " + allowed);
  response.allow = allowed;
  return response;
}

}  // namespace npanel
