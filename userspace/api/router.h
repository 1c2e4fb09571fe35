// SPDX-License-Identifier: Apache-2.0
// router.h: which request does what?
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "api/route.h"

namespace npanel {

struct Found {
  const Route* route = nullptr;  // nullptr: none for this path, or for this method
  std::string_view name = {};    // what stands for the '*', a piece of the path
  std::string allowed = {};      // the methods of this path, for the Allow header; empty: there is no such path
};

// Every room's routes; no two of the same method and path.
class Router {
 public:
  void add(std::vector<Route> routes);
  // What is found is good for as long as nothing is added.
  [[nodiscard]] Found find(std::string_view method, std::string_view path) const;

 private:
  std::vector<Route> routes_;
};

// Does an error answer too. The path's name and the query are checked here. `done`: see Route::done.
[[nodiscard]] Response run(const Caller& caller, const Request& request, const Found& found, bool done = false);

}  // namespace npanel
