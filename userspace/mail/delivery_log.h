// SPDX-License-Identifier: Apache-2.0
// delivery_log.h: what became of a message, as the MTA has logged it?
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "mail/log_line.h"
#include "model/delivery_outcome.h"

namespace npanel {

// Of one recipient, whom the message's sender may never have named: an alias has.
struct LoggedDelivery {
  Mta mta = Mta::exim;
  std::string queue_id = {};
  std::string recipient = {};  // in lower case; of an odd address, the whole line: two recipients are never one
  bool remote = false;         // another host was offered it
  std::string server = {};     // which one, in lower case: "mx1.elsewhere.example"; empty when none was
  DeliveryFacts facts = {};    // what verdict_of() judges
  // Of Postfix: what local(8) has forwarded it as, a message of its own.
  std::string forwarded_as = {};
};

// One line of Exim's main log (=>, ->, >>, ==, **; spec, chapter "Log files") or of a delivery agent of Postfix's
// (to=…, dsn=…, status=…). nullopt: the line is about something else.
[[nodiscard]] std::optional<LoggedDelivery> parse_delivery(std::string_view line);

}  // namespace npanel
