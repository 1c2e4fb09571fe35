// SPDX-License-Identifier: Apache-2.0
// event.h: what happened, to whom, and when?
#pragma once

#include <cstdint>
#include <optional>
#include <string>

namespace npanel {

struct Event {
  int64_t id = 0;     // handed out by the store
  int64_t at_ms = 0;  // since 1970-01-01 UTC
  std::optional<std::string> account = std::nullopt;
  std::string kind;    // "limits_changed"
  std::string detail;  // a JSON object
};

}  // namespace npanel
