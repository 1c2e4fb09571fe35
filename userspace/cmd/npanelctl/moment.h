// SPDX-License-Identifier: Apache-2.0
// moment.h: which moment does an administrator mean?
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace npanel {

// Milliseconds since 1970-01-01 UTC of an RFC 3339 time ("2026-11-22T19:40:00Z", "2026-11-22T20:40:00.5+01:00") or of a
// date, which is its first moment in UTC. Years 1970 to 9999; nullopt for anything else, the 30th of February too.
[[nodiscard]] std::optional<int64_t> parse_moment(std::string_view text);

}  // namespace npanel
