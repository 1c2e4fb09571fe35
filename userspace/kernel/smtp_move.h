// SPDX-License-Identifier: Apache-2.0
// smtp_move.h: how does what the SMTP maps of another layout hold come into ours?
#pragma once

#include <string>

#include "base/result.h"

struct np_smtp_bpf;

namespace npanel {

// In two steps, around the swap of the programs, so that not one
// connection passes twice: until the budgets are here, no account may open SMTP at all. That lasts for milliseconds.
// `old_layout`: the directory where it is pinned; take_over() removes it.
Result<void> close_limits(const std::string& old_layout, const np_smtp_bpf& skeleton);
Result<void> take_over(const std::string& old_layout, const np_smtp_bpf& skeleton);

}  // namespace npanel
