// SPDX-License-Identifier: Apache-2.0
// codec.h: how do requests and answers look as JSON?
#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

#include "api/service.h"

namespace npanel {

using Json = nlohmann::ordered_json;

// An object without duplicate keys. The error's field is "body".
[[nodiscard]] Result<Json> parse_object(std::string_view body);
// Refuses every key that is not in `known`; `prefix` is "limits." for an inner object.
[[nodiscard]] Result<void> only_keys(const Json& object, std::string_view prefix,
                                     std::initializer_list<std::string_view> known);

// A whole number from `least` to `most`; 1.0, "1" and true are none.
[[nodiscard]] Result<uint64_t> whole_number(const Json& value, const std::string& field, uint64_t least, uint64_t most);

// `base` with what the object says; the whole is checked.
[[nodiscard]] Result<Limits> decode_limits(const Json& object, Limits base);
[[nodiscard]] Result<RateLimit> decode_rate_limit(const Json& object, RateLimit base);

[[nodiscard]] Json encode(const Limits& limits);
[[nodiscard]] Json encode(const RateLimit& rate_limit);
[[nodiscard]] Json encode(const AccountView& view);
[[nodiscard]] Json encode(const AccountStats& stats);
[[nodiscard]] Json encode(const Event& event);
[[nodiscard]] Json encode(const Failure& failure);
[[nodiscard]] Json encode(const AgentStatus& status);

}  // namespace npanel
