// SPDX-License-Identifier: Apache-2.0
// token_routes.cpp: who may use the API over TCP?
#include <array>

#include "api/route.h"
#include "base/clock.h"

namespace npanel {
namespace {

constexpr const char* kRead = "read";
constexpr const char* kWrite = "write";

Json encode(const Token& token) {
  return {{"name", token.name},
          {"scope", token.scope == TokenScope::write ? kWrite : kRead},
          {"created", utc_time(token.created_ms)}};
}

// The only time that the secret is told: nobody on the way may keep it.
Response once(const NewToken& made, int status) {
  Json json = encode(made.token);
  json["token"] = made.text;
  Response response = ok(json, status);
  response.headers.emplace_back("Cache-Control", "no-store");
  return response;
}

Result<Response> list_tokens(const Call& call) {
  Json list = Json::array();
  for (const Token& token : NP_TRY(call.service.tokens())) list.push_back(encode(token));
  return ok({{"tokens", std::move(list)}});
}

Result<Response> create_token(const Call& call) {
  const Json body = NP_TRY(parse_object(call.request.body));
  NP_TRY(only_keys(body, "", {"name", "scope"}));
  const std::string name = NP_TRY(text_in(body, "name"));
  NP_TRY(parse_token_name(name));
  const std::string scope = NP_TRY(text_in(body, "scope"));
  if (scope != kRead && scope != kWrite) return refused("scope", R"(must be "read" or "write")");
  return once(
      NP_TRY(call.service.create_token(call.caller, name, scope == kWrite ? TokenScope::write : TokenScope::read)),
      201);
}

Result<Response> rotate_token(const Call& call) {
  return once(NP_TRY(call.service.rotate_token(call.caller, call.name)), 200);
}

Result<Response> revoke_token(const Call& call) {
  NP_TRY(call.service.revoke_token(call.caller, call.name));
  return no_content();
}

Result<Response> token_revoked(const Call&) {
  return no_content();
}

constexpr std::array kRoutes = std::to_array<Route>({
    {.method = "GET", .path = "/api/v1/tokens", .handler = list_tokens, .access = Access::secret},
    {.method = "POST",
     .path = "/api/v1/tokens",
     .handler = create_token,
     .action = "token.create",
     .access = Access::secret},
    {.method = "POST",
     .path = "/api/v1/tokens/*/rotate",
     .handler = rotate_token,
     .action = "token.rotate",
     .access = Access::secret},
    {.method = "DELETE",
     .path = "/api/v1/tokens/*",
     .handler = revoke_token,
     .action = "token.revoke",
     .access = Access::secret,
     .done = token_revoked},
});

}  // namespace

std::span<const Route> token_routes() {
  return kRoutes;
}

}  // namespace npanel
