// SPDX-License-Identifier: Apache-2.0
#include "mail/delivery_log.h"

#include "mail/delivery_parts.h"

namespace npanel {

std::optional<LoggedDelivery> parse_delivery(std::string_view line) {
  const auto parsed = parse_log_line(line);
  if (!parsed) return std::nullopt;
  auto delivery = parsed->mta == Mta::exim ? exim_delivery(*parsed) : postfix_delivery(*parsed);
  // "to=<>" and the like: to nobody, nothing is delivered.
  if (delivery && delivery->recipient.empty()) return std::nullopt;
  return delivery;
}

}  // namespace npanel
