// SPDX-License-Identifier: Apache-2.0
#include "mail/delivery_log.h"

#include "mail/delivery_parts.h"

namespace npanel {

std::optional<LoggedDelivery> parse_delivery(std::string_view text) {
  const auto line = parse_log_line(text);
  if (!line) return std::nullopt;
  auto delivery = line->mta == Mta::exim ? exim_delivery(*line) : postfix_delivery(*line);
  // "to=<>" and the like: to nobody, nothing is delivered.
  if (delivery && delivery->recipient.empty()) return std::nullopt;
  return delivery;
}

}  // namespace npanel
