// SPDX-License-Identifier: Apache-2.0
// layout_move.h: how does what the pinned maps of another layout hold come into ours?
#pragma once

#include <string>

#include "base/result.h"
#include "kernel/pins.h"

namespace npanel {

// In two steps, around the swap of the programs, so that not one connection passes twice: until the budgets are here,
// no account may open SMTP at all. That lasts for milliseconds. `old_layout`: the directory where it is pinned;
// take_over() removes it. `pins`: ours, where all maps of this layout are.
Result<void> close_limits(const std::string& old_layout, const Pins& pins);
Result<void> take_over(const std::string& old_layout, const Pins& pins);

}  // namespace npanel
