// SPDX-License-Identifier: Apache-2.0
// service_routes.h: the routes of what has no room of its own yet.
#pragma once

#include <vector>

#include "api/route.h"
#include "api/service.h"

namespace npanel {

[[nodiscard]] std::vector<Route> account_routes(Service& service);
[[nodiscard]] std::vector<Route> config_routes(Service& service);
[[nodiscard]] std::vector<Route> feature_routes(Service& service);
[[nodiscard]] std::vector<Route> database_routes(Service& service);
[[nodiscard]] std::vector<Route> mail_routes(Service& service);
[[nodiscard]] std::vector<Route> status_routes(Service& service);

}  // namespace npanel
