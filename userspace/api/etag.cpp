// SPDX-License-Identifier: Apache-2.0
#include "api/etag.h"

#include <algorithm>

#include "base/digest.h"
#include "base/parse.h"

namespace npanel {
namespace {

constexpr size_t kDigits = 16;

bool may_be_in_tag(char c) {
  return c > ' ' && c != '"' && c != '\x7f';
}

// One whole tag, with its quotes.
bool is_tag(std::string_view text) {
  return text.size() >= 2 && text.front() == '"' && text.back() == '"' &&
         std::ranges::all_of(text.substr(1, text.size() - 2), may_be_in_tag);
}

// A comma may be in a tag: the end is where the quotes close.
std::string_view first_element(std::string_view list) {
  bool quoted = false;
  for (size_t i = 0; i < list.size(); ++i) {
    if (list[i] == '"') quoted = !quoted;
    if (list[i] == ',' && !quoted) return list.substr(0, i);
  }
  return list;
}

}  // namespace

std::string etag_of(const Json& json) {
  return '"' + sha256_hex(text_of(json)).substr(0, kDigits) + '"';
}

bool EtagList::matches(std::string_view etag) const {
  return any || std::ranges::find(strong, etag) != strong.end();
}

bool EtagList::matches_weakly(std::string_view etag) const {
  return matches(etag) || std::ranges::find(weak, etag) != weak.end();
}

Result<EtagList> parse_etags(const std::string& header, std::string_view value) {
  if (trim(value) == "*") return EtagList{.any = true};
  EtagList list;
  for (bool more = true; more;) {
    const std::string_view element = first_element(value);
    std::string_view tag = trim(element);
    const bool weak = tag.starts_with("W/");
    if (weak) tag.remove_prefix(2);
    if (!is_tag(tag)) return refused(header, R"(must be * or a list of quoted ETags: "0123456789abcdef")");
    (weak ? list.weak : list.strong).emplace_back(tag);
    more = element.size() < value.size();
    if (more) value.remove_prefix(element.size() + 1);
  }
  return list;
}

}  // namespace npanel
