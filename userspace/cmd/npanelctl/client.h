// SPDX-License-Identifier: Apache-2.0
// client.h: what does the agent answer to one HTTP request over its unix socket?
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.h"

namespace npanel {

struct Request {
  std::string method;
  std::string path;                 // with its query; every part that a user wrote is percent_encoded
  std::optional<std::string> body;  // JSON
  std::vector<std::pair<std::string, std::string>> headers = {};  // besides Content-Type: If-Match, Idempotency-Key
};

struct Response {
  long status = 0;
  std::string body;
  std::string request_id = {};  // X-Request-Id, by which the agent's log and audit trail know the request

  [[nodiscard]] bool succeeded() const { return status >= 200 && status < 300; }
};

// An error means that no answer came; it names the socket and what to do. A refusal by the agent is a Response.
[[nodiscard]] Result<Response> send(const std::string& socket, const Request& request);

// The same, to a socket that is known already.
using Sender = std::function<Result<Response>(const Request&)>;

// `text` as one part of a path or query: whatever is not a letter, a digit, '_' or '-' becomes %XX, dots included.
[[nodiscard]] std::string percent_encoded(std::string_view text);

}  // namespace npanel
