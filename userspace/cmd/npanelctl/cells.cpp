// SPDX-License-Identifier: Apache-2.0
#include "cmd/npanelctl/cells.h"

#include <algorithm>

#include "cmd/npanelctl/format.h"

namespace npanel {
namespace {

using nlohmann::json;

bool is_word(const std::string& text) {
  return !text.empty() && std::ranges::none_of(text, [](char c) { return c <= ' ' || c == '=' || c == '"'; });
}

std::string changes(const json& before, const json& after) {
  std::string text;
  for (const auto& [name, now] : after.items()) {
    const json& was = field(before, name);
    if (was == now) continue;
    if (!text.empty()) text += ", ";
    text.append(name).append(": ").append(limit(name, was)).append(" -> ").append(limit(name, now));
  }
  return text;
}

}  // namespace

const json& field(const json& from, const std::string& key) {
  static const json kNull;
  if (!from.is_object()) return kNull;
  const auto found = from.find(key);
  return found == from.end() ? kNull : *found;
}

std::string plain(const json& value, const char* null) {
  if (value.is_null()) return null;
  return value.is_string() ? value.get<std::string>() : value.dump();
}

std::string foreign(const json& value) {
  const bool quoted = value.is_string() && !is_word(value.get<std::string>());
  return quoted ? value.dump() : plain(value);
}

std::string size(const json& value, const char* null) {
  return value.is_number_unsigned() ? human_size(value.get<uint64_t>()) : plain(value, null);
}

std::string seconds(const json& microseconds) {
  return microseconds.is_number() ? fixed(microseconds.get<double>() / 1e6, 1) + " s" : plain(microseconds);
}

std::string joined(const json& list, const char* between, const char* none) {
  std::string text;
  for (const json& item : list) {
    if (!text.empty()) text += between;
    text += plain(item);
  }
  return text.empty() ? none : text;
}

std::string limit(const std::string& name, const json& value) {
  if (value.is_null()) return kNoLimit;
  if (name == "cpu_percent") return plain(value) + "%";
  if (name.ends_with("_bytes")) return size(value);
  if (name.ends_with("_bytes_per_s")) return size(value) + "/s";
  return plain(value);
}

std::string event_detail(const json& detail) {
  if (const json& after = field(detail, "after"); after.is_object()) return changes(field(detail, "before"), after);
  if (!detail.is_object()) return plain(detail, "");
  std::string text;
  for (const auto& [name, value] : detail.items()) {
    if (!text.empty()) text += ' ';
    text.append(name).append("=").append(foreign(value));
  }
  return text;
}

}  // namespace npanel
