// SPDX-License-Identifier: Apache-2.0
// net.h: which addresses does a network in CIDR notation hold?
#pragma once

#include <string_view>

#include "base/result.h"
#include "npanel/smtp.h"

namespace npanel {

// "192.0.2.0/24", "2001:db8::/32"; without a prefix it is one address. Bits behind the prefix must be 0, as elsewhere:
// who writes 10.1.2.3/8 may have meant something else.
[[nodiscard]] Result<np_smtp_net> parse_net(std::string_view text);

}  // namespace npanel
