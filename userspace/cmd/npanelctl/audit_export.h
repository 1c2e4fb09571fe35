// SPDX-License-Identifier: Apache-2.0
// audit_export.h: how does an entry of the audit trail look in a file?
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>

namespace npanel {

// RFC 4180, with its line ends. A text that a spreadsheet would take for a formula (it begins with = + - @, a tab or a
// line end) gets a ' before it, as OWASP's "CSV Injection" advises; before and after are JSON in one cell.
[[nodiscard]] std::string csv_header();
[[nodiscard]] std::string csv_record(const nlohmann::json& entry);

// One line of JSON Lines.
[[nodiscard]] std::string json_line(const nlohmann::json& entry);

}  // namespace npanel
