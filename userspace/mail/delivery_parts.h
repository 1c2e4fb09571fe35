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

// What a mail server answered: "550 5.1.1 …", "452-4.2.2 …" (RFC 5321, 4.2; RFC 2034).
struct Reply {
  int code = 0;
  int subject = -1;  // the second number of the enhanced status code; -1: there is none
  int detail = -1;
};
// "5.1.1"; false when the text does not begin so.
bool read_status(std::string_view text, Reply& reply);
[[nodiscard]] std::optional<Reply> read_reply(std::string_view text);
// No such recipient; without an enhanced code 550 says no more than that it was refused, but it was the recipient.
[[nodiscard]] bool is_unknown(const Reply& reply, bool to_recipient);
// Not a full mailbox (x.2.x), which says nothing of the sender.
[[nodiscard]] bool is_deferral(const Reply& reply);

[[nodiscard]] std::optional<LoggedDelivery> exim_delivery(const LogLine& line);
[[nodiscard]] std::optional<LoggedDelivery> postfix_delivery(const LogLine& line);

}  // namespace npanel
