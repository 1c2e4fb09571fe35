// SPDX-License-Identifier: Apache-2.0
// net.h: which addresses does a network in CIDR notation hold?
#pragma once

#include <array>
#include <optional>
#include <string_view>

#include "base/result.h"
#include "npanel/smtp.h"

namespace npanel {

// "192.0.2.0/24", "2001:db8::/32"; without a prefix it is one address. Bits behind the prefix must be 0, as elsewhere:
// who writes 10.1.2.3/8 may have meant something else.
[[nodiscard]] Result<np_smtp_net> parse_net(std::string_view text);

// All 16 bytes, IPv4 mapped (RFC 4291, 2.5.5.2), so that the same host is the same address however it is written.
using NetAddress = std::array<__u8, 16>;
// "192.0.2.1", "::ffff:192.0.2.1", "2001:db8::1", "fe80::1%eth0"; nullopt: it is none ("unknown").
[[nodiscard]] std::optional<NetAddress> parse_net_address(std::string_view text);

[[nodiscard]] bool contains(const np_smtp_net& net, const NetAddress& address);
[[nodiscard]] bool overlap(const np_smtp_net& one, const np_smtp_net& other);

}  // namespace npanel
