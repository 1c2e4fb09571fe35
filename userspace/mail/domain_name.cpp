// SPDX-License-Identifier: Apache-2.0
#include "mail/domain_name.h"

#include <idn2.h>

#include <algorithm>
#include <memory>

namespace npanel {
namespace {

constexpr size_t kDomainMost = 253;  // RFC 1035, 3.1, as text
constexpr size_t kLabelMost = 63;
constexpr size_t kWrittenMost = 1024;  // before mapping: a label of UTF-8 is longer than its A-label

using Idn2Text = std::unique_ptr<uint8_t, decltype([](uint8_t* text) { idn2_free(text); })>;

bool is_ascii(std::string_view text) {
  return std::ranges::all_of(text, [](char c) { return static_cast<unsigned char>(c) < 0x80; });
}

std::optional<std::string> to_ascii(const std::string& text) {
  uint8_t* found = nullptr;
  const auto* written = reinterpret_cast<const uint8_t*>(text.c_str());
  const int error = idn2_lookup_u8(written, &found, IDN2_NFC_INPUT | IDN2_NONTRANSITIONAL);
  const Idn2Text owned(found);
  if (error != IDN2_OK) return std::nullopt;
  return lower_ascii(reinterpret_cast<const char*>(found));
}

bool has_valid_labels(std::string_view domain) {
  while (true) {
    const size_t dot = domain.find('.');
    const size_t length = std::min(dot, domain.size());
    if (length == 0 || length > kLabelMost) return false;
    if (dot == std::string_view::npos) return true;
    domain.remove_prefix(dot + 1);
  }
}

}  // namespace

std::string lower_ascii(std::string_view text) {
  std::string copy(text);
  std::ranges::transform(copy, copy.begin(),
                         [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; });
  return copy;
}

std::optional<std::string> canonical_domain(std::string_view text) {
  if (text.size() > kWrittenMost || text.find('\0') != std::string_view::npos) return std::nullopt;
  auto domain = is_ascii(text) ? lower_ascii(text) : to_ascii(std::string(text));
  if (!domain) return std::nullopt;
  if (domain->ends_with('.')) domain->pop_back();
  if (domain->size() > kDomainMost || !has_valid_labels(*domain)) return std::nullopt;
  return domain;
}

}  // namespace npanel
