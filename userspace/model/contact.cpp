// SPDX-License-Identifier: Apache-2.0
#include "model/contact.h"

#include <algorithm>

namespace npanel {
namespace {

bool is_lower(char c) {
  return c >= 'a' && c <= 'z';
}
bool is_upper(char c) {
  return c >= 'A' && c <= 'Z';
}
bool is_alnum(char c) {
  return is_lower(c) || is_upper(c) || (c >= '0' && c <= '9');
}

// RFC 5322 atext.
bool is_atom_character(char c) {
  return is_alnum(c) || std::string_view("!#$%&'*+-/=?^_`{|}~").find(c) != std::string_view::npos;
}
bool is_label_character(char c) {
  return is_alnum(c) || c == '-';
}

// Parts with dots between them, none of them empty.
bool is_dotted(std::string_view text, bool (*fits)(char), size_t part_most) {
  for (;;) {
    const size_t dot = text.find('.');
    const std::string_view part = text.substr(0, dot);
    if (part.empty() || part.size() > part_most || !std::ranges::all_of(part, fits)) return false;
    if (dot == std::string_view::npos) return true;
    text.remove_prefix(dot + 1);
  }
}

}  // namespace

bool is_email(std::string_view text) {
  constexpr size_t kMost = 254;
  constexpr size_t kLocalMost = 64;
  constexpr size_t kLabelMost = 63;
  const size_t at = text.find('@');
  if (text.size() > kMost || at == std::string_view::npos || at > kLocalMost || text.starts_with('-')) return false;
  return is_dotted(text.substr(0, at), is_atom_character, kLocalMost) &&
         is_dotted(text.substr(at + 1), is_label_character, kLabelMost);
}

bool is_language(std::string_view text) {
  const size_t dash = text.find('-');
  const std::string_view language = text.substr(0, dash);
  if (language.size() < 2 || language.size() > 3 || !std::ranges::all_of(language, is_lower)) return false;
  if (dash == std::string_view::npos) return true;
  const std::string_view region = text.substr(dash + 1);
  return region.size() == 2 && std::ranges::all_of(region, is_upper);
}

Result<void> check(const Contact& contact) {
  if (contact.email && !is_email(*contact.email))
    return refused("contact.email", "must be an address such as owner@example.com, in ASCII, or null");
  if (contact.language && !is_language(*contact.language))
    return refused("contact.language", R"(must be a language such as "de" or "pt-BR", or null)");
  return {};
}

}  // namespace npanel
