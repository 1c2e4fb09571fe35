// SPDX-License-Identifier: Apache-2.0
// one_room.h: the routes of one room, asked by root without a guard before them.
#pragma once

#include <utility>

#include "api/problem.h"
#include "api/router.h"
#include "unit/api/requests.h"

namespace npanel {

class OneRoom {
 public:
  explicit OneRoom(std::vector<Route> routes) { router_.add(std::move(routes)); }

  Response ask(const Request& request, const Caller& caller = {.actor = "uid 0 (root)", .source = "test"}) const {
    const Found found = router_.find(request.method, request.path);
    EXPECT_TRUE(found.route) << request.method << " " << request.path;
    return found.route ? run(caller, request, found) : problem(500, "no such route");
  }
  Response get(const std::string& target) const { return ask(local("GET", target)); }
  Response post(const std::string& target, const std::string& body = "") const {
    return ask(local("POST", target, body));
  }

 private:
  Router router_;
};

}  // namespace npanel
