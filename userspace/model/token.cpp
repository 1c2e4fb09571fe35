// SPDX-License-Identifier: Apache-2.0
#include "model/token.h"

#include <algorithm>

namespace npanel {
namespace {

constexpr size_t kNameMost = 32;
constexpr std::string_view kPrefix = "npt_";
constexpr size_t kSecretLetters = 43;

bool may_start(char c) {
  return (c >= 'a' && c <= 'z') || c == '_';
}
bool may_follow(char c) {
  return may_start(c) || (c >= '0' && c <= '9') || c == '-';
}

}  // namespace

bool is_token_text(std::string_view text) {
  return text.starts_with(kPrefix) && text.size() > kPrefix.size() + 1 + kSecretLetters &&
         text[text.size() - kSecretLetters - 1] == '_';
}

Result<std::string> parse_token_name(std::string_view name) {
  const bool ok =
      !name.empty() && name.size() <= kNameMost && may_start(name.front()) && std::ranges::all_of(name, may_follow);
  if (ok) return std::string(name);
  return refused("name",
                 "must be 1 to 32 characters: a lower-case letter or _, then lower-case letters, digits, _ or -");
}

}  // namespace npanel
