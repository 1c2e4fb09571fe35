// SPDX-License-Identifier: Apache-2.0
#include "api/principal.h"

#include <strings.h>

#include <string_view>

#include "base/local_names.h"

namespace npanel {
namespace {

constexpr size_t kActorsKept = 256;

std::string_view header(const Request& request, const std::string& name) {
  const auto found = request.headers.find(name);
  return found == request.headers.end() ? std::string_view{} : found->second;
}

// The name of the scheme has no case (RFC 9110, 11.1).
std::string_view bearer(const Request& request) {
  constexpr std::string_view kScheme = "Bearer ";
  const std::string_view value = header(request, "authorization");
  const bool ours = value.size() > kScheme.size() && ::strncasecmp(value.data(), kScheme.data(), kScheme.size()) == 0;
  return ours ? value.substr(kScheme.size()) : std::string_view{};
}

}  // namespace

Principal Authenticator::authenticate(const Request& request) {
  Principal principal{.caller = {.actor = "unknown",
                                 .source = header(request, "user-agent").starts_with("npanelctl/") ? "cli" : "api",
                                 .request_id = request.id,
                                 .began_us = request.began_us}};
  if (request.uid) {
    principal.known = true;
    principal.caller.actor = local_actor(*request.uid);
    principal.caller.root = *request.uid == 0;
  } else if (const std::string_view text = bearer(request); !text.empty()) {
    if (const auto token = find_token_(text)) {
      principal.known = true;
      principal.scope = token->scope;
      principal.caller.actor = actor_of_token(token->name);
    }
  }
  return principal;
}

const std::string& Authenticator::local_actor(uid_t uid) {
  if (const auto known = actors_.find(uid); known != actors_.end()) return known->second;
  if (actors_.size() >= kActorsKept) actors_.clear();
  std::string actor = "uid " + std::to_string(uid);
  if (const auto user = local_user(uid)) actor += " (" + *user + ")";
  return actors_.emplace(uid, std::move(actor)).first->second;
}

}  // namespace npanel
