// SPDX-License-Identifier: Apache-2.0
// routes.cpp: tokens over the API, on the Unix socket alone.
#include "base/clock.h"
#include "tokens/tokens.h"

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

Result<Response> list_tokens(Tokens& tokens, const Call&) {
  Json list = Json::array();
  for (const Token& token : NP_TRY(tokens.list())) list.push_back(encode(token));
  return ok({{"tokens", std::move(list)}});
}

Result<Response> create_token(Tokens& tokens, const Call& call) {
  const Json body = NP_TRY(parse_object(call.request.body));
  NP_TRY(only_keys(body, "", {"name", "scope"}));
  const std::string name = NP_TRY(text_in(body, "name"));
  NP_TRY(parse_token_name(name));
  const std::string scope = NP_TRY(text_in(body, "scope"));
  if (scope != kRead && scope != kWrite) return refused("scope", R"(must be "read" or "write")");
  return once(NP_TRY(tokens.create(call.caller, name, scope == kWrite ? TokenScope::write : TokenScope::read)), 201);
}

Result<Response> rotate_token(Tokens& tokens, const Call& call) {
  return once(NP_TRY(tokens.rotate(call.caller, call.name)), 200);
}

Result<Response> revoke_token(Tokens& tokens, const Call& call) {
  NP_TRY(tokens.revoke(call.caller, call.name));
  return no_content();
}

Result<Response> token_revoked(const Call&) {
  return no_content();
}

}  // namespace

std::vector<Route> token_routes(Tokens& tokens) {
  return {
      {.method = "GET", .path = "/api/v1/tokens", .handler = over(tokens, list_tokens), .access = Access::secret},
      {.method = "POST",
       .path = "/api/v1/tokens",
       .handler = over(tokens, create_token),
       .action = "token.create",
       .access = Access::secret},
      {.method = "POST",
       .path = "/api/v1/tokens/*/rotate",
       .handler = over(tokens, rotate_token),
       .action = "token.rotate",
       .access = Access::secret},
      {.method = "DELETE",
       .path = "/api/v1/tokens/*",
       .handler = over(tokens, revoke_token),
       .action = "token.revoke",
       .access = Access::secret,
       .done = token_revoked},
  };
}

}  // namespace npanel
