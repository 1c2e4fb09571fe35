// SPDX-License-Identifier: Apache-2.0
#include "cmd/npanelctl/audit_export.h"

#include <array>
#include <nlohmann/json.hpp>

#include "cmd/npanelctl/cells.h"

namespace npanel {
namespace {

using nlohmann::json;

constexpr const char* kLineEnd = "\r\n";
constexpr std::array kFields = {"id",     "time",   "actor", "source", "action",      "account",
                                "target", "before", "after", "result", "duration_us", "request_id"};

std::string dumped_line(const json& value) {
  return value.dump(-1, ' ', false, json::error_handler_t::replace);
}

std::string in_quotes(std::string_view text) {
  std::string cell = "\"";
  for (const char c : text) cell.append(c == '"' ? 2 : 1, c);
  return cell + '"';
}

std::string cell(const json& value) {
  if (value.is_null()) return "";
  std::string text = value.is_string() ? value.get<std::string>() : dumped_line(value);
  constexpr std::string_view kFormula = "=+-@\t\r\n";
  if (value.is_string() && !text.empty() && kFormula.find(text.front()) != std::string_view::npos) text = "'" + text;
  return text.find_first_of(",\"\r\n") == std::string::npos ? text : in_quotes(text);
}

}  // namespace

std::string csv_header() {
  std::string line;
  for (const char* name : kFields) line.append(line.empty() ? "" : ",").append(name);
  return line + kLineEnd;
}

std::string csv_record(const json& entry) {
  std::string line;
  for (const char* name : kFields) {
    if (name != kFields.front()) line += ',';
    line += cell(field(entry, name));
  }
  return line + kLineEnd;
}

std::string json_line(const json& entry) {
  return dumped_line(entry) + '\n';
}

}  // namespace npanel
