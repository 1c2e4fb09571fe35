// SPDX-License-Identifier: Apache-2.0
// message.h: what comes in over HTTP, and what goes out?
#pragma once

#include <functional>
#include <map>
#include <string>

namespace npanel {

struct Request {
  std::string method;
  std::string path;  // as sent: nothing is percent-decoded, because no valid name needs it
  std::map<std::string, std::string> query;
  std::string body;
};

struct Response {
  int status = 200;
  std::string body;
  std::string content_type = "application/json";
  std::string allow = {};  // the Allow header of a 405
};

using Answerer = std::function<Response(const Request&)>;

}  // namespace npanel
