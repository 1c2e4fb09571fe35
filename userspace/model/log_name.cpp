// SPDX-License-Identifier: Apache-2.0
#include "model/log_name.h"

#include <array>

namespace npanel {
namespace {

constexpr std::string_view kKnown = "DMs";

std::string text_for(char letter, std::time_t now) {
  if (letter == 's') return "main";  // of main, reject and panic, the one that has deliveries
  std::tm local{};
  ::localtime_r(&now, &local);
  std::array<char, sizeof("20261127")> text{};
  return {text.data(), std::strftime(text.data(), text.size(), letter == 'D' ? "%Y%m%d" : "%Y%m", &local)};
}

}  // namespace

bool is_log_path(std::string_view path) {
  if (!path.starts_with('/')) return false;
  for (size_t at = path.find('%'); at != std::string_view::npos; at = path.find('%', at + 2))
    if (at + 1 == path.size() || kKnown.find(path[at + 1]) == std::string_view::npos) return false;
  return true;
}

std::string log_name(std::string_view path, std::time_t now) {
  std::string name;
  for (size_t at = 0; at < path.size(); ++at) {
    if (path[at] == '%' && at + 1 < path.size())
      name += text_for(path[++at], now);
    else
      name += path[at];
  }
  return name;
}

}  // namespace npanel
