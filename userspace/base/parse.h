// SPDX-License-Identifier: Apache-2.0
// parse.h: which number is written in this text?
#pragma once

#include <charconv>
#include <cstdint>
#include <optional>
#include <string_view>

namespace npanel {

// The whole text as a decimal number; nullopt for anything else (sign, space, overflow, trailing text).
[[nodiscard]] inline std::optional<uint64_t> parse_u64(std::string_view text) {
  uint64_t value = 0;
  const char* end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, value);
  if (error != std::errc{} || stop != end || text.empty()) return std::nullopt;
  return value;
}

[[nodiscard]] inline std::string_view trim(std::string_view text) {
  constexpr std::string_view kBlank = " \t\r\n";
  const auto first = text.find_first_not_of(kBlank);
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(kBlank) - first + 1);
}

// The number after `key` in a flat-keyed control file ("usage_usec 12\nuser_usec 8\n"); nullopt when the key is absent.
[[nodiscard]] std::optional<uint64_t> flat_key(std::string_view file, std::string_view key);

// A size as an administrator writes it: plain bytes, K M G T (powers of 1024) or KB MB GB TB (powers of 1000).
[[nodiscard]] std::optional<uint64_t> parse_size(std::string_view text);

}  // namespace npanel
