// SPDX-License-Identifier: Apache-2.0
#include "api/router.h"

#include <algorithm>
#include <iterator>
#include <utility>

#include "api/etag.h"
#include "api/problem.h"
#include "base/parse.h"
#include "model/token.h"

namespace npanel {
namespace {

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

Result<std::string> checked_name(std::string_view pattern, std::string_view name) {
  if (pattern.starts_with("/api/v1/accounts/") || pattern.starts_with("/api/v1/lost-accounts/*"))
    return parse_account_name(name);
  return pattern.starts_with("/api/v1/tokens/") ? parse_token_name(name) : Result<std::string>(name);
}

// 412 tells the ETag of now: who wants to try again need not ask for it.
Response changed_meanwhile(const std::string& etag) {
  Response response = problem(412, "If-Match names another version than the one that is there: " + etag, "If-Match");
  response.headers.emplace_back("ETag", etag);
  return response;
}

// nullopt: the condition holds, or there is none.
Result<std::optional<Response>> refuse_other_version(const Route& route, const Call& call) {
  const auto header = call.request.headers.find("if-match");
  if (!route.version || header == call.request.headers.end()) return std::nullopt;
  const EtagList wanted = NP_TRY(parse_etags("If-Match", header->second));
  const std::string now = etag_of(NP_TRY(route.version(call)));
  return wanted.matches(now) ? std::nullopt : std::optional(changed_meanwhile(now));
}

// The answer to a GET, or that the client has it already.
Result<Response> unless_known(const Request& request, Response response) {
  const auto header = request.headers.find("if-none-match");
  const auto etag = std::ranges::find(response.headers, "ETag", &std::pair<std::string, std::string>::first);
  if (!is_reading(request.method) || header == request.headers.end() || etag == response.headers.end()) return response;
  if (!NP_TRY(parse_etags("If-None-Match", header->second)).matches_weakly(etag->second)) return response;
  return Response{.status = 304, .body = {}, .headers = {*etag}};
}

Result<Response> handle(const Caller& caller, const Request& request, const Found& found, bool done) {
  const Route& route = *found.route;
  const Call call{.caller = caller,
                  .request = request,
                  .query = NP_TRY(decode_query(request.query)),
                  .name = NP_TRY(checked_name(route.path, found.name))};
  if (done) return (route.done ? route.done : route.handler)(call);  // If-Match held before the change
  if (auto refusal = NP_TRY(refuse_other_version(route, call))) return std::move(*refusal);
  return unless_known(request, NP_TRY(route.handler(call)));
}

}  // namespace

void Router::add(std::vector<Route> routes) {
  std::ranges::move(routes, std::back_inserter(routes_));
}

// RFC 9110, 9.3.2: HEAD is GET, but that the server keeps the body to itself.
Found Router::find(std::string_view method, std::string_view path) const {
  Found found;
  if (method == "HEAD") method = "GET";
  for (const Route& route : routes_) {
    const auto name = match(route.path, path);
    if (!name) continue;
    found.allowed += (found.allowed.empty() ? "" : ", ") + std::string(route.method);
    if (route.method == "GET") found.allowed += ", HEAD";
    if (route.method == method) {
      found.route = &route;
      found.name = *name;
    }
  }
  return found;
}

Response run(const Caller& caller, const Request& request, const Found& found, bool done) {
  auto response = handle(caller, request, found, done);
  return response ? std::move(*response) : problem(response.error());
}

Result<int64_t> id_in_path(std::string_view name) {
  const auto id = parse_u64(name);
  if (!id || *id == 0 || !std::in_range<int64_t>(*id)) return refused("id", "must be a whole number from 1 on");
  return static_cast<int64_t>(*id);
}

Response ok(const Json& json, int status) {
  return {.status = status, .body = text_of(json)};
}

Response versioned(const Json& json, const Json& version, int status) {
  Response response = ok(json, status);
  response.headers.emplace_back("ETag", etag_of(version));
  return response;
}

Response no_content() {
  return {.status = 204, .body = {}};
}

Response started(const Job& job) {
  Response response = ok(encode(job), 202);
  response.headers.emplace_back("Location", "/api/v1/jobs/" + std::to_string(job.id));
  return response;
}

}  // namespace npanel
