// SPDX-License-Identifier: Apache-2.0
// message.h: what comes in over HTTP, and what goes out?
#pragma once

#include <sys/types.h>

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace npanel {

inline constexpr size_t kBodyMost = 65536;

struct Request {
  std::string method;
  std::string path;  // as sent: nothing is percent-decoded, because no valid name needs it
  std::map<std::string, std::string> query;
  std::string body;
  std::map<std::string, std::string> headers = {};  // names in lower case; equal ones joined by ", " (RFC 9110, 5.3)
  std::optional<uid_t> uid = {};  // of the process at the other end of a Unix socket; nullopt: it came over TCP
  std::string id = {};            // X-Request-Id: the client's, or made here
  int64_t began_us = 0;           // CLOCK_MONOTONIC, when its headers had come in
  bool too_large = false;         // the body was over kBodyMost bytes, and is not here
};

// Changes nothing (RFC 9110, 9.2.1).
[[nodiscard]] inline bool is_reading(const std::string& method) {
  return method == "GET" || method == "HEAD";
}

struct Response {
  int status = 200;
  std::string body;
  std::string content_type = "application/json";
  std::vector<std::pair<std::string, std::string>> headers = {};  // Allow, ETag, Retry-After …
};

using Answerer = std::function<Response(const Request&)>;

}  // namespace npanel
