// SPDX-License-Identifier: Apache-2.0
// detach.h: how does an administrator take everything out of the kernel in an emergency?
#pragma once

namespace npanel {

// Stops the units and lifts every limit, the agent dead or alive; without `sure` it only says what it would do. Returns
// the exit code: 0; 1 when something was left; 2 without `sure`.
int run_detach(bool sure, bool json);

}  // namespace npanel
