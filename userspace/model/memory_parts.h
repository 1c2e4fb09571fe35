// SPDX-License-Identifier: Apache-2.0
// memory_parts.h: are the parts of memory that the walk brings those that memory.stat names?
#pragma once

#include <string_view>

#include "npanel/usage.h"

namespace npanel {

// Has it enough memory that one part can be told from another?
[[nodiscard]] bool tells_parts(const np_usage& row);

// Near enough: between the walk and the read of the file, an account may take and give back some.
[[nodiscard]] bool parts_agree(const np_usage& row, std::string_view memory_stat);

}  // namespace npanel
