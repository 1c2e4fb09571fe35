// SPDX-License-Identifier: Apache-2.0
// memory_file.h: what does a restarted watchdog still know?
#pragma once

#include <string>

#include "base/result.h"
#include "model/recovery.h"

namespace npanel {

// A file that is missing or damaged is an empty memory, with the mode off until the agent says otherwise: a watchdog
// that forgot is better than none.
[[nodiscard]] RecoveryMemory read_memory(const std::string& path);
[[nodiscard]] Result<void> write_memory(const std::string& path, const RecoveryMemory& memory);

}  // namespace npanel
