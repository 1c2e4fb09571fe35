// SPDX-License-Identifier: Apache-2.0
#include "mail/delivery_log.h"

#include "mail/delivery_parts.h"

namespace npanel {

std::optional<LoggedDelivery> parse_delivery(std::string_view text) {
  const auto line = parse_log_line(text);
  if (!line) return std::nullopt;
  return line->mta == Mta::exim ? exim_delivery(*line) : postfix_delivery(*line);
}

}  // namespace npanel
