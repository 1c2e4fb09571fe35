// SPDX-License-Identifier: Apache-2.0
// client.h: what does the agent answer to one HTTP request over its unix socket?
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"

namespace npanel {

struct Request {
  std::string method;
  std::string path;                 // with its query; every part that a user wrote is percent_encoded
  std::optional<std::string> body;  // JSON
};

struct Response {
  long status = 0;
  std::string body;
};

// An error means that no answer came; it names the socket and what to do. A refusal by the agent is a Response.
[[nodiscard]] Result<Response> send(const std::string& socket, const Request& request);

// `text` as one part of a path or query: whatever is not a letter, a digit, '_' or '-' becomes %XX, dots included.
[[nodiscard]] std::string percent_encoded(std::string_view text);

}  // namespace npanel
