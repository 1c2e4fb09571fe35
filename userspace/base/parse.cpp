// SPDX-License-Identifier: Apache-2.0
#include "base/parse.h"

#include <limits>

namespace npanel {

std::optional<uint64_t> flat_key(std::string_view file, std::string_view key) {
  while (!file.empty()) {
    const auto end = file.find('\n');
    const std::string_view line = file.substr(0, end);
    if (line.size() > key.size() && line.starts_with(key) && line[key.size()] == ' ')
      return parse_u64(line.substr(key.size() + 1));
    if (end == std::string_view::npos) break;
    file.remove_prefix(end + 1);
  }
  return std::nullopt;
}

std::optional<uint64_t> parse_size(std::string_view text) {
  constexpr std::string_view kUnits = "KMGT";
  uint64_t base = 1024;
  if (text.ends_with('B')) {
    base = 1000;
    text.remove_suffix(1);
    if (text.empty() || kUnits.find(text.back()) == std::string_view::npos) return std::nullopt;
  }
  uint64_t scale = 1;
  if (!text.empty()) {
    if (const auto unit = kUnits.find(text.back()); unit != std::string_view::npos) {
      for (size_t i = 0; i <= unit; ++i) scale *= base;
      text.remove_suffix(1);
    }
  }
  const auto number = parse_u64(text);
  if (!number || *number > std::numeric_limits<uint64_t>::max() / scale) return std::nullopt;
  return *number * scale;
}

}  // namespace npanel
