// SPDX-License-Identifier: Apache-2.0
// journal.h: what did a unit log last?
#pragma once

#include <string>
#include <vector>

#include "base/result.h"

namespace npanel {

// The last `most` lines of the unit, and of systemd about it, the oldest first.
[[nodiscard]] Result<std::vector<std::string>> last_log_lines(const std::string& unit, size_t most);

}  // namespace npanel
