// SPDX-License-Identifier: Apache-2.0
// visit.h: requests and answers of the tests of the guard and its routes.
#pragma once

#include <gtest/gtest.h>

#include "api/problem.h"
#include "api/request_guard.h"
#include "unit/api/fake_service.h"

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

class Visit : public testing::Test {
 protected:
  Visit() {
    service.enable_all();
    service.add("bob");
    service.secrets["npt_panel_w"] = {.name = "panel", .scope = TokenScope::write, .hash = ""};
    service.secrets["npt_graph_r"] = {.name = "graph", .scope = TokenScope::read, .hash = ""};
  }
  Response ask(const Request& request) { return guard.answer(request); }
  Response get(const std::string& target, Headers headers = {}) {
    return ask(local("GET", target, "", std::move(headers)));
  }
  Response post(const std::string& target, const std::string& body = "", Headers headers = {}) {
    return ask(local("POST", target, body, std::move(headers)));
  }
  Response patch(const std::string& target, const std::string& body, Headers headers = {}) {
    return ask(local("PATCH", target, body, std::move(headers)));
  }

  FakeService service;
  RequestGuard guard{service, RateRules{}};
};

}  // namespace npanel
