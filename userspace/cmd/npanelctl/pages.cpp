// SPDX-License-Identifier: Apache-2.0
#include "cmd/npanelctl/pages.h"

#include <algorithm>
#include <limits>
#include <nlohmann/json.hpp>

namespace npanel {
namespace {

using Json = nlohmann::ordered_json;

constexpr uint64_t kPage = 1000;  // the most that the agent gives at once

uint64_t missing(const Json& all, const Paging& paging) {
  const uint64_t so_far = all.is_null() ? 0 : all[paging.list].size();
  return paging.most.value_or(std::numeric_limits<uint64_t>::max()) - so_far;
}

bool goes_on(const Json& all, const Paging& paging) {
  return !all.value("next", Json()).is_null() && missing(all, paging) > 0;
}

// The page after those that are there; `all` is null before the first.
Result<Response> ask_for_page(const Sender& send, Request request, const Paging& paging, const Json& all) {
  request.path += request.path.find('?') == std::string::npos ? '?' : '&';
  request.path += "limit=" + std::to_string(std::min(kPage, missing(all, paging)));
  if (!all.is_null()) {
    const Json& next = all["next"];
    const std::string after = next.is_string() ? next.get<std::string>() : next.dump();
    request.path += std::string("&") + paging.goes_on + '=' + percent_encoded(after);
  }
  return send(request);
}

Result<Json> parse_page(const std::string& body, const Paging& paging) {
  Json page = Json::parse(body, nullptr, false);
  if (!page.is_object() || !page.value(paging.list, Json()).is_array())
    return failure(std::string("the agent's answer has no list \"") + paging.list + "\"; see it with --json");
  return page;
}

void append(Json& all, Json page, const Paging& paging) {
  const bool empty = page[paging.list].empty();  // an agent that never says null must not keep us for ever
  for (Json& item : page[paging.list]) all[paging.list].push_back(std::move(item));
  all["next"] = empty ? Json() : page.value("next", Json());
}

}  // namespace

Result<Response> gather(const Sender& send, const Request& request, const Paging& paging) {
  Response answer = NP_TRY(ask_for_page(send, request, paging, nullptr));
  if (!answer.succeeded()) return answer;
  Json all = NP_TRY(parse_page(answer.body, paging));
  if (!goes_on(all, paging)) return answer;  // as it came
  while (goes_on(all, paging)) {
    answer = NP_TRY(ask_for_page(send, request, paging, all));
    if (!answer.succeeded()) return answer;
    append(all, NP_TRY(parse_page(answer.body, paging)), paging);
  }
  answer.body = all.dump(-1, ' ', false, Json::error_handler_t::replace);
  return answer;
}

}  // namespace npanel
