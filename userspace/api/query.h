// SPDX-License-Identifier: Apache-2.0
// query.h: what do the parameters of a request's query say?
#pragma once

#include <cstdint>
#include <initializer_list>
#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"

namespace npanel {

using Query = std::map<std::string, std::string>;

// %XX in values becomes its byte, strictly: two hexadecimal digits, never a NUL. Keys stay as they are.
[[nodiscard]] Result<Query> decode_query(const Query& raw);
[[nodiscard]] Result<void> only_parameters(const Query& query, std::initializer_list<std::string_view> known);

// nullopt when the parameter is not there.
[[nodiscard]] Result<std::optional<uint64_t>> number_in(const Query& query, const std::string& key, uint64_t least,
                                                        uint64_t most);
[[nodiscard]] Result<std::optional<std::string>> name_in(const Query& query, const std::string& key);
[[nodiscard]] Result<std::optional<std::string>> text_in(const Query& query, const std::string& key);
[[nodiscard]] Result<std::optional<int64_t>> time_in(const Query& query, const std::string& key);

// "limit": 1 … 1000.
[[nodiscard]] Result<std::optional<uint64_t>> limit_in(const Query& query);
// "below": the id that the page before ended with.
[[nodiscard]] Result<std::optional<int64_t>> below_in(const Query& query);

// RFC 3339, with Z or an offset: milliseconds since 1970-01-01 UTC, the rest of a second cut off. A leap second is
// none.
[[nodiscard]] std::optional<int64_t> parse_time(std::string_view text);

}  // namespace npanel
