// SPDX-License-Identifier: Apache-2.0
// routes.h: which request does what?
#pragma once

#include "api/route.h"

namespace npanel {

struct Found {
  const Route* route = nullptr;  // nullptr: none for this path, or for this method
  std::string_view name = {};    // what stands for the '*', a piece of the path
  std::string allowed = {};      // the methods of this path, for the Allow header; empty: there is no such path
};
[[nodiscard]] Found find_route(std::string_view method, std::string_view path);

// Does an error answer too. The path's name and the query are checked here. `done`: see Route::done.
[[nodiscard]] Response run(Service& service, const Caller& caller, const Request& request, const Found& found,
                           bool done = false);

}  // namespace npanel
