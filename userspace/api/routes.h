// SPDX-License-Identifier: Apache-2.0
// routes.h: which request does what?
#pragma once

#include "api/message.h"
#include "api/service.h"

namespace npanel {

// Errors are answers too.
[[nodiscard]] Response answer(Service& service, const Request& request);

}  // namespace npanel
