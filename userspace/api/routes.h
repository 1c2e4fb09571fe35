// SPDX-License-Identifier: Apache-2.0
// routes.h: which request does what?
#pragma once

#include <map>
#include <string>

#include "api/problem.h"
#include "api/service.h"

namespace npanel {

struct Request {
  std::string method;
  std::string path;  // as sent: nothing is percent-decoded, because no valid name needs it
  std::map<std::string, std::string> query;
  std::string body;
};

// Errors are answers too.
[[nodiscard]] Response answer(Service& service, const Request& request);

}  // namespace npanel
