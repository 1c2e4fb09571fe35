// SPDX-License-Identifier: Apache-2.0
// run.h: what does the agent say to a command, and which exit code says so?
#pragma once

#include "cmd/npanelctl/commands.h"

namespace npanel {

// 0 done; 1 refused, or the job failed; 3 no answer.
[[nodiscard]] int run(const Command& command);

}  // namespace npanel
