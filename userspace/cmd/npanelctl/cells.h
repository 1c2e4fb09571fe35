// SPDX-License-Identifier: Apache-2.0
// cells.h: how does one JSON value look in a table cell?
#pragma once

#include <nlohmann/json.hpp>
#include <string>

namespace npanel {

constexpr const char* kUnavailable = "-";  // the kernel cannot tell
constexpr const char* kNoLimit = "max";

// The field, or a JSON null when there is none.
[[nodiscard]] const nlohmann::json& field(const nlohmann::json& from, const std::string& key);

[[nodiscard]] std::string plain(const nlohmann::json& value, const char* null = kUnavailable);
// A text that a stranger has chosen: in quotes, and escaped, unless it is one plain word.
[[nodiscard]] std::string foreign(const nlohmann::json& value);
[[nodiscard]] std::string size(const nlohmann::json& value, const char* null = kUnavailable);
[[nodiscard]] std::string seconds(const nlohmann::json& microseconds);
[[nodiscard]] std::string joined(const nlohmann::json& list, const char* between, const char* none);

// A field of "limits" or "smtp"; its name tells its unit.
[[nodiscard]] std::string limit(const std::string& name, const nlohmann::json& value);

// The detail of an event: what changed, or name=value pairs in which a name cannot be forged.
[[nodiscard]] std::string event_detail(const nlohmann::json& detail);

}  // namespace npanel
