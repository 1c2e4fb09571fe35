// SPDX-License-Identifier: Apache-2.0
// route.h: what is one route made of?
#pragma once

#include <functional>
#include <limits>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "api/codec.h"
#include "api/message.h"
#include "api/query.h"
#include "model/audit.h"
#include "model/feature.h"
#include "model/job.h"

namespace npanel {

// What a handler sees of the request; whatever else it needs, it holds.
struct Call {
  const Caller& caller;
  const Request& request;
  Query query;       // percent-decoded
  std::string name;  // what stands for the '*' of the path; of an account or a token it is valid
};

enum class Access {
  open,    // for everybody, and without limit over the Unix socket
  scrape,  // without limit over the Unix socket
  normal,
  secret,  // only over the Unix socket; the answer may hold a secret and is never kept
};

using Handler = std::function<Result<Response>(const Call&)>;

struct Route {
  std::string_view method;
  std::string_view path;  // "*" is the name of what it is about
  Handler handler;
  std::string_view action = {};                           // as the audit trail calls it; empty: it changes nothing
  std::optional<Feature> feature = {};                    // that must be on
  std::function<Result<Json>(const Call&)> version = {};  // what an If-Match is about, before the change
  Access access = Access::normal;
  // Answers when the change was made by an agent that ended before it had answered. Empty: it is made once more,
  // because its effect ended with that agent, or twice is as good as once.
  Handler done = {};
};

// A handler over the object that it needs: the table of a room's routes shows what each of them can reach.
template <class Object, class Answer>
[[nodiscard]] auto over(Object& object, Result<Answer> (*handler)(Object&, const Call&)) {
  return [&object, handler](const Call& call) { return handler(object, call); };
}

// The number that a path names, 1 or more; the error's field is "id".
[[nodiscard]] Result<int64_t> id_in_path(std::string_view name);

// Answers.
[[nodiscard]] Response ok(const Json& json, int status = 200);
// With the ETag of `version`: what of `json` the administrator decides.
[[nodiscard]] Response versioned(const Json& json, const Json& version, int status = 200);
[[nodiscard]] Response no_content();
// 202, and where to look how far it is.
[[nodiscard]] Response started(const Job& job);

// One page of what is sorted by name: {"<key>": […], "next": name or null}. The query's "limit" and "after" say which;
// without a limit it is all. `fetch` brings at least the first `most` behind a name; `name_of` and encode() take an
// item.
template <class Item>
[[nodiscard]] Result<Response> page_by_name(
    const Query& query, const char* key,
    const std::function<Result<std::vector<Item>>(const std::string& after, size_t most)>& fetch,
    const std::string& (*name_of)(const Item&)) {
  NP_TRY(only_parameters(query, {"limit", "after"}));
  const auto limit = NP_TRY(limit_in(query));
  const auto after = NP_TRY(name_in(query, "after"));
  const size_t most = limit ? static_cast<size_t>(*limit) + 1 : std::numeric_limits<size_t>::max();
  const std::vector<Item> items = NP_TRY(fetch(after.value_or(""), most));
  Json list = Json::array();
  Json next = nullptr;
  for (const Item& item : items) {
    if (after && name_of(item) <= *after) continue;
    if (limit && list.size() == *limit) {
      next = list.back()["name"];
      break;
    }
    list.push_back(encode(item));
  }
  return ok({{key, std::move(list)}, {"next", std::move(next)}});
}

// One page of what is sorted by id, the highest first: a full page has a next one, if an empty one.
template <class Item>
[[nodiscard]] Response page_by_id(const char* key, const std::vector<Item>& items, uint64_t limit) {
  Json list = Json::array();
  for (const Item& item : items) list.push_back(encode(item));
  const bool full = !items.empty() && items.size() >= limit;
  return ok({{key, std::move(list)}, {"next", full ? Json(items.back().id) : Json(nullptr)}});
}

}  // namespace npanel
