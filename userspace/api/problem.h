// SPDX-License-Identifier: Apache-2.0
// problem.h: how is a refused request answered? (RFC 9457)
#pragma once

#include <string>
#include <string_view>

#include "api/message.h"
#include "base/result.h"

namespace npanel {

// `field` is an extension member: which input would have to change. Left out when empty.
[[nodiscard]] Response problem(int status, std::string_view detail, std::string_view field = {});
// By the error's code, see service.h.
[[nodiscard]] Response problem(const Error& error);

}  // namespace npanel
