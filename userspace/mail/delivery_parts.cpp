// SPDX-License-Identifier: Apache-2.0
#include "mail/delivery_parts.h"

#include <algorithm>
#include <array>

namespace npanel {
namespace {

constexpr auto kNpos = std::string_view::npos;

bool is_digit(char c) {
  return c >= '0' && c <= '9';
}

int number_at(std::string_view text, size_t& at) {
  constexpr int kMost = 999;
  if (at >= text.size() || !is_digit(text[at])) return -1;
  int value = 0;
  for (; at < text.size() && is_digit(text[at]) && value <= kMost; ++at) value = value * 10 + (text[at] - '0');
  return value <= kMost ? value : -1;
}

}  // namespace

std::string lower_case(std::string_view text) {
  std::string low(text);
  std::ranges::transform(low, low.begin(),
                         [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c | 0x20) : c; });
  return low;
}

bool is_elsewhere(std::string_view address) {
  const bool is_ip = !address.empty() && address.find_first_not_of("0123456789abcdefABCDEF.:") == kNpos &&
                     address.find_first_of(".:") != kNpos;
  return is_ip && !address.starts_with("127.") && address != "::1" && !lower_case(address).starts_with("::ffff:127.");
}

void read_status(std::string_view text, DeliveryFacts& facts) {
  std::array<int, 3> numbers{};
  size_t at = text.starts_with('#') ? 1 : 0;
  for (size_t i = 0; i < numbers.size(); ++i) {
    if (i > 0) {
      if (at >= text.size() || text[at] != '.') return;
      ++at;
    }
    numbers.at(i) = number_at(text, at);
    if (numbers.at(i) < 0) return;
  }
  if (numbers[0] != 2 && numbers[0] != 4 && numbers[0] != 5) return;
  facts.subject = numbers[1];
  facts.detail = numbers[2];
}

void read_reply(std::string_view text, DeliveryFacts& facts) {
  constexpr int kLeastCode = 200;
  size_t at = 0;
  const int code = number_at(text, at);
  const bool has_code = at == 3 && code >= kLeastCode && (at == text.size() || text[at] == ' ' || text[at] == '-');
  if (has_code) {
    facts.code = code;
    text.remove_prefix(std::min(at + 1, text.size()));
  }
  text.remove_prefix(std::min(text.find_first_not_of(" \""), text.size()));
  read_status(text, facts);
  facts.text = bounded(text);
}

std::string_view bounded(std::string_view text) {
  constexpr size_t kTextMost = 512;
  return text.substr(0, kTextMost);
}

}  // namespace npanel
