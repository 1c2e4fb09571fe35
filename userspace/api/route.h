// SPDX-License-Identifier: Apache-2.0
// route.h: what is one route made of?
#pragma once

#include <functional>
#include <limits>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "api/codec.h"
#include "api/message.h"
#include "api/query.h"
#include "api/service.h"

namespace npanel {

// What a handler sees.
struct Call {
  Service& service;
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

struct Route {
  std::string_view method;
  std::string_view path;  // "*" is the name of what it is about
  Result<Response> (*handler)(const Call&);
  std::string_view action = {};                    // as the audit trail calls it; empty: it changes nothing
  std::optional<Feature> feature = {};             // that must be on
  Result<Json> (*version)(const Call&) = nullptr;  // what an If-Match is about, before the change
  Access access = Access::normal;
  // Answers when the change was made by an agent that ended before it had answered. nullptr: it is made once more,
  // because its effect ended with that agent, or twice is as good as once.
  Result<Response> (*done)(const Call&) = nullptr;
};

[[nodiscard]] std::span<const Route> account_routes();
[[nodiscard]] std::span<const Route> config_routes();
[[nodiscard]] std::span<const Route> feature_routes();
[[nodiscard]] std::span<const Route> history_routes();
[[nodiscard]] std::span<const Route> job_routes();
[[nodiscard]] std::span<const Route> lost_routes();
[[nodiscard]] std::span<const Route> mail_routes();
[[nodiscard]] std::span<const Route> status_routes();
[[nodiscard]] std::span<const Route> token_routes();

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
