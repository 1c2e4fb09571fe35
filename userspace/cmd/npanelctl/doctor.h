// SPDX-License-Identifier: Apache-2.0
// doctor.h: what can this kernel do for npanel-agent? Asks the kernel itself, so it works without the agent.
#pragma once

namespace npanel {

// Prints one line per capability (or one JSON body) and returns the exit code.
[[nodiscard]] int run_doctor(bool json);

}  // namespace npanel
