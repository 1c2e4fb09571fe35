// SPDX-License-Identifier: Apache-2.0
// requests.h: requests as they come in over a socket, and what is read from answers.
#pragma once

#include <gtest/gtest.h>

#include "api/codec.h"
#include "api/message.h"

namespace npanel {

inline constexpr int64_t kSecond = 1'000'000;
inline constexpr int64_t kNow = 1000 * kSecond;

using Headers = std::map<std::string, std::string>;

// As root over the Unix socket; "/path?a=1&b=2" fills the query.
inline Request local(const std::string& method, const std::string& target, const std::string& body = "",
                     Headers headers = {}) {
  Request request{.method = method,
                  .path = target.substr(0, target.find('?')),
                  .query = {},
                  .body = body,
                  .headers = std::move(headers),
                  .uid = 0,
                  .id = "id-1",
                  .began_us = kNow};
  std::string rest = target.size() > request.path.size() ? target.substr(request.path.size() + 1) : "";
  while (!rest.empty()) {
    const std::string pair = rest.substr(0, rest.find('&'));
    rest = pair.size() < rest.size() ? rest.substr(pair.size() + 1) : "";
    const auto equals = pair.find('=');
    request.query[pair.substr(0, equals)] = equals == std::string::npos ? "" : pair.substr(equals + 1);
  }
  return request;
}

// Over TCP, with a token's text; "" sends none.
inline Request remote(const std::string& method, const std::string& target, const std::string& token,
                      const std::string& body = "", Headers headers = {}) {
  if (!token.empty()) headers["authorization"] = "Bearer " + token;
  Request request = local(method, target, body, std::move(headers));
  request.uid.reset();
  return request;
}

inline Json json_of(const Response& response) {
  return Json::parse(response.body, nullptr, false);
}

inline std::string header_of(const Response& response, const std::string& name) {
  for (const auto& [key, value] : response.headers)
    if (key == name) return value;
  return "";
}

// "" when the answer is no problem or names none.
inline std::string field_of(const Response& response) {
  const Json json = json_of(response);
  return json.is_object() ? json.value("field", "") : "";
}

}  // namespace npanel
