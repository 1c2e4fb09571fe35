// SPDX-License-Identifier: Apache-2.0
// principal.h: who asks, and what may they do?
#pragma once

#include <sys/types.h>

#include <map>
#include <optional>
#include <string>

#include "api/message.h"
#include "api/service.h"

namespace npanel {

struct Principal {
  Caller caller;
  bool known = false;                    // root or a member of the socket's group, or the owner of a token
  std::optional<TokenScope> scope = {};  // nullopt: over the Unix socket, or not known
};

// The uid of a Unix socket's other end, or the token of `Authorization: Bearer …`.
class Authenticator {
 public:
  explicit Authenticator(Service& service) : service_(service) {}
  [[nodiscard]] Principal authenticate(const Request& request);

 private:
  const std::string& local_actor(uid_t uid);
  Service& service_;
  std::map<uid_t, std::string> actors_;  // the user database may be a slow server
};

}  // namespace npanel
