// SPDX-License-Identifier: Apache-2.0
// delivery_parts.h: what do the lines of both MTAs about a delivery have in common?
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "mail/delivery_log.h"

namespace npanel {

[[nodiscard]] std::string lower_case(std::string_view text);
// Is it another host's address? A filter behind the MTA listens on the loopback, and what it passes on comes back.
[[nodiscard]] bool is_elsewhere(std::string_view address);

// "5.1.1 …" into subject and detail; what does not begin so leaves them as they are.
void read_status(std::string_view text, DeliveryFacts& facts);
// What a mail server answered: "550 5.1.1 …", "452-4.2.2 …" (RFC 5321, 4.2; RFC 2034), with or without the code.
void read_reply(std::string_view text, DeliveryFacts& facts);
// At most so much of what others have written is looked at, and kept.
[[nodiscard]] std::string_view bounded(std::string_view text);

[[nodiscard]] std::optional<LoggedDelivery> exim_delivery(const LogLine& line);
[[nodiscard]] std::optional<LoggedDelivery> postfix_delivery(const LogLine& line);

}  // namespace npanel
