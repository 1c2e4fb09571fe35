// SPDX-License-Identifier: Apache-2.0
#include "api/request_guard.h"

#include <algorithm>
#include <chrono>

#include "api/problem.h"
#include "base/clock.h"

namespace npanel {
namespace {

constexpr RateRules kAnonymousRules{.requests_per_second = 10, .burst = 10};
constexpr size_t kResultMost = 200;
constexpr std::string_view kTokenStart = "npt_";
constexpr std::string_view kTokenLetters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-";

bool over_unix(const Request& request) {
  return request.uid.has_value();
}

bool changes(const Request& request) {
  return request.method == "POST" || request.method == "PATCH" || request.method == "PUT" || request.method == "DELETE";
}

Response not_found(const Request& request, const Found& found) {
  if (found.allowed.empty()) return problem(404, "no such resource: " + request.path);
  Response response = problem(405, request.method + " is not allowed here; allowed: " + found.allowed);
  response.headers.emplace_back("Allow", found.allowed);
  return response;
}

Response too_many_requests() {
  const std::string seconds = std::to_string(RateLimiter::kRetryAfterSeconds);
  Response response = problem(429, "too many requests; try again after " + seconds + " s");
  response.headers.emplace_back("Retry-After", seconds);
  return response;
}

Response unauthorized() {
  Response response = problem(401, "a token is needed over TCP: Authorization: Bearer npt_…");
  response.headers.emplace_back("WWW-Authenticate", "Bearer");
  return response;
}

// A problem's detail repeats pieces of the request, and somebody may have put a token there by mistake.
std::string without_tokens(std::string text) {
  for (size_t at = text.find(kTokenStart); at != std::string::npos; at = text.find(kTokenStart, at + 1)) {
    const size_t begin = at + kTokenStart.size();
    const size_t end = std::min(text.find_first_not_of(kTokenLetters, begin), text.size());
    if (end > begin) text.replace(begin, end - begin, "…");
  }
  return text;
}

// npt_<name>_<43 characters> would be an account's name, too.
bool may_be_token(std::string_view name) {
  constexpr size_t kShortest = sizeof("npt_a_") - 1 + 43;
  return name.starts_with(kTokenStart) && name.size() >= kShortest;
}

// At most `bytes`, whole characters of UTF-8.
std::string cut(std::string text, size_t bytes) {
  if (text.size() <= bytes) return text;
  while (bytes > 0 && (static_cast<unsigned char>(text[bytes]) & 0xC0U) == 0x80U) --bytes;
  return text.substr(0, bytes) + "…";
}

int64_t microseconds_since(int64_t began_us) {
  const auto now = std::chrono::steady_clock::now().time_since_epoch();
  return std::max<int64_t>(std::chrono::duration_cast<std::chrono::microseconds>(now).count() - began_us, 0);
}

}  // namespace

Response RequestGuard::answer(const Request& request) {
  const Found found = router_.find(request.method, request.path);
  const Principal principal = authenticator_.authenticate(request);
  Answered answered = admit(request, found, principal);
  if (answered.response.status >= 400 && answered.news && changes(request))
    audit(request, found, principal, answered.response);
  return std::move(answered.response);
}

RequestGuard::Answered RequestGuard::admit(const Request& request, const Found& found, const Principal& principal) {
  if (!found.route)
    return {.response = not_found(request, found),
            .news = principal.known && !clients_.take(principal.caller.actor, rules_, request.began_us)};
  const Route& route = *found.route;
  if (auto refusal = authorize(request, route, principal)) return std::move(*refusal);
  if (auto refusal = limit_rate(request, route, principal)) return std::move(*refusal);
  if (auto refusal = require_feature(route)) return std::move(*refusal);
  if (request.too_large)
    return {.response = problem(413, "the body is larger than " + std::to_string(kBodyMost) + " bytes", "body")};
  const bool may_keep = route.access != Access::secret || request.method == "DELETE";
  return {.response =
              replay_or_run(sources_.replies, principal.caller, request, may_keep,
                            [&](const Caller& caller, bool done) { return run(caller, request, found, done); })};
}

std::optional<RequestGuard::Answered> RequestGuard::authorize(const Request& request, const Route& route,
                                                              const Principal& principal) {
  if (over_unix(request) || route.access == Access::open) return std::nullopt;
  if (!principal.known) {
    if (const auto refusal = anonymous_.take("", kAnonymousRules, request.began_us))
      return Answered{.response = too_many_requests(), .news = refusal->news};
    return Answered{.response = unauthorized()};
  }
  if (route.access == Access::secret)
    return Answered{.response = problem(403, "tokens are managed over the Unix socket only")};
  if (principal.scope != TokenScope::write && !is_reading(request.method))
    return Answered{.response = problem(403, "the token's scope is read; this needs write")};
  return std::nullopt;
}

std::optional<RequestGuard::Answered> RequestGuard::limit_rate(const Request& request, const Route& route,
                                                               const Principal& principal) {
  const bool monitoring = route.access == Access::open || route.access == Access::scrape;
  if (monitoring && over_unix(request)) return std::nullopt;
  const auto refusal = clients_.take(principal.caller.actor, rules_, request.began_us);
  if (!refusal) return std::nullopt;
  return Answered{.response = too_many_requests(), .news = refusal->news};
}

std::optional<RequestGuard::Answered> RequestGuard::require_feature(const Route& route) const {
  if (!route.feature || sources_.is_on(*route.feature)) return std::nullopt;
  const std::string name = info(*route.feature).name;
  return Answered{
      .response =
          problem(403, "feature " + name + " is off; switch it on with: npanelctl feature enable " + name, {}, name)};
}

void RequestGuard::audit(const Request& request, const Found& found, const Principal& principal,
                         const Response& response) {
  AuditEntry entry{.at_ms = now_ms(),
                   .actor = principal.caller.actor,
                   .source = principal.caller.source,
                   .action = found.route ? std::string(found.route->action) : "request",
                   .result = cut(without_tokens(detail_of(response)), kResultMost),
                   .duration_us = microseconds_since(request.began_us),
                   .request_id = request.id};
  // Only what is a name: anything may be in a path.
  if (const auto name = parse_account_name(found.name); name && !may_be_token(*name)) {
    if (found.route && found.route->path.starts_with("/api/v1/accounts/"))
      entry.account = *name;
    else
      entry.target = *name;
  }
  sources_.audit_refusal(std::move(entry));
}

}  // namespace npanel
