// SPDX-License-Identifier: Apache-2.0
#include "api/problem.h"

#include "api/codec.h"

namespace npanel {
namespace {

const char* title(int status) {
  switch (status) {
    case 400:
      return "Bad Request";
    case 401:
      return "Unauthorized";
    case 403:
      return "Forbidden";
    case 404:
      return "Not Found";
    case 405:
      return "Method Not Allowed";
    case 409:
      return "Conflict";
    case 412:
      return "Precondition Failed";
    case 413:
      return "Content Too Large";
    case 422:
      return "Unprocessable Content";
    case 429:
      return "Too Many Requests";
    default:
      return "Service Unavailable";
  }
}

// With a field it is about what was asked for; without, the kernel or some file of ours has refused.
int status_for(const Error& error) {
  const bool is_theirs = !error.field.empty();
  switch (error.code) {
    case EINVAL:
      return is_theirs ? 400 : 503;
    case EACCES:
      return is_theirs ? 403 : 503;
    case ENOENT:
      return 404;
    case EEXIST:
    case EBUSY:
      return 409;
    case ESRCH:
    case EPERM:
      return is_theirs ? 422 : 503;
    default:
      return 503;
  }
}

}  // namespace

Response problem(int status, std::string_view detail, std::string_view field, std::string_view feature) {
  Json json{{"type", "about:blank"}, {"title", title(status)}, {"status", status}, {"detail", detail}};
  if (!field.empty()) json["field"] = field;
  if (!feature.empty()) json["feature"] = feature;
  return {.status = status, .body = text_of(json), .content_type = kProblemType};
}

Response problem(const Error& error) {
  return problem(status_for(error), error.text, error.field);
}

std::string detail_of(const Response& response) {
  const Json json = Json::parse(response.body, nullptr, false);
  return json.is_object() ? json.value("detail", "") : "";
}

}  // namespace npanel
