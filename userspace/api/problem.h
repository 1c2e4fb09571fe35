// SPDX-License-Identifier: Apache-2.0
// problem.h: how is a refused request answered? (RFC 9457)
#pragma once

#include <string>
#include <string_view>

#include "api/message.h"
#include "base/result.h"

namespace npanel {

inline constexpr const char* kProblemType = "application/problem+json";

// Extension members, left out when empty. `field`: which input would have to change; `feature`: which feature would
// have to be on.
[[nodiscard]] Response problem(int status, std::string_view detail, std::string_view field = {},
                               std::string_view feature = {});
// By the error's code: with a field EINVAL is 400, EACCES 403, ESRCH and EPERM 422; ENOENT is 404, EEXIST and EBUSY
// 409, anything else 503.
[[nodiscard]] Response problem(const Error& error);

// What problem() was told; "" for an answer that is no problem.
[[nodiscard]] std::string detail_of(const Response& response);

}  // namespace npanel
