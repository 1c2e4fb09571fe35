// SPDX-License-Identifier: Apache-2.0
// pages.h: how does a list that the agent hands out in pages become one answer?
#pragma once

#include <cstdint>
#include <optional>

#include "base/result.h"
#include "cmd/npanelctl/client.h"

namespace npanel {

struct Paging {
  const char* list;                   // the member with the items: "accounts"
  const char* goes_on;                // the query's key that takes the "next" of the page before: "after", "below"
  std::optional<uint64_t> most = {};  // items; nullopt: all there are
};

// Asks for page after page and puts their items into the first page's JSON; "next" is the last page's. What is refused
// is the answer, whichever page it was. An error: one page did not come, or is no list.
[[nodiscard]] Result<Response> gather(const Sender& send, const Request& request, const Paging& paging);

}  // namespace npanel
