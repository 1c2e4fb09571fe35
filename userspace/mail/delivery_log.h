// SPDX-License-Identifier: Apache-2.0
// delivery_log.h: what became of a message, as the MTA has logged it?
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "model/reputation.h"

namespace npanel {

struct LoggedDelivery {
  std::string queue_id;
  Delivery what = Delivery::accepted;
};

// One line of Exim's main log (=>, ->, ==, **; spec, chapter "Log files") or of Postfix's (to=…, dsn=…, status=…).
// nullopt: the line is about something else, or about a fault that says nothing of the sender: a full mailbox, a server
// that does not answer, a spam filter.
[[nodiscard]] std::optional<LoggedDelivery> parse_delivery(std::string_view line);

}  // namespace npanel
