// SPDX-License-Identifier: Apache-2.0
// principal.h: who asks, and what may they do?
#pragma once

#include <sys/types.h>

#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "api/message.h"
#include "model/audit.h"
#include "model/token.h"

namespace npanel {

struct Principal {
  Caller caller;
  bool known = false;                    // root or a member of the socket's group, or the owner of a token
  std::optional<TokenScope> scope = {};  // nullopt: over the Unix socket, or not known
};

// Whose is the text that a client sent? Takes the same time for every wrong text.
using TokenFinder = std::function<std::optional<Token>(std::string_view text)>;

// The uid of a Unix socket's other end, or the token of `Authorization: Bearer …`.
class Authenticator {
 public:
  explicit Authenticator(TokenFinder find_token) : find_token_(std::move(find_token)) {}
  [[nodiscard]] Principal authenticate(const Request& request);

 private:
  const std::string& local_actor(uid_t uid);
  TokenFinder find_token_;
  std::map<uid_t, std::string> actors_;  // the user database may be a slow server
};

}  // namespace npanel
