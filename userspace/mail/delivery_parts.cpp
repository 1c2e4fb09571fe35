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

bool read_status(std::string_view text, Reply& reply) {
  std::array<int, 3> numbers{};
  size_t at = 0;
  for (size_t i = 0; i < numbers.size(); ++i) {
    if (i > 0) {
      if (at >= text.size() || text[at] != '.') return false;
      ++at;
    }
    numbers.at(i) = number_at(text, at);
    if (numbers.at(i) < 0) return false;
  }
  if (numbers[0] != 2 && numbers[0] != 4 && numbers[0] != 5) return false;
  reply.subject = numbers[1];
  reply.detail = numbers[2];
  return true;
}

std::optional<Reply> read_reply(std::string_view text) {
  size_t at = 0;
  Reply reply{.code = number_at(text, at)};
  if (at != 3 || reply.code < 200) return std::nullopt;
  if (at < text.size()) read_status(text.substr(at + 1), reply);
  return reply;
}

bool is_unknown(const Reply& reply, bool to_recipient) {
  if (reply.code < 500) return false;
  if (reply.subject >= 0) return reply.subject == 1 || (reply.subject == 4 && reply.detail == 4);
  return to_recipient && (reply.code == 550 || reply.code == 551 || reply.code == 553);
}

bool is_deferral(const Reply& reply) {
  constexpr int kMailbox = 2;
  return reply.code < 500 && reply.subject != kMailbox;
}

}  // namespace npanel
