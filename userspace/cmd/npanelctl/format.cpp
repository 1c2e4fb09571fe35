// SPDX-License-Identifier: Apache-2.0
#include "cmd/npanelctl/format.h"

#include <algorithm>
#include <array>
#include <cassert>
#include <charconv>

namespace npanel {
namespace {

std::string spaces(size_t count) {
  return std::string(count, ' ');
}

bool is_control(unsigned char before, unsigned char byte) {
  const bool c1 = before == 0xC2 && byte >= 0x80 && byte < 0xA0;  // U+0080..U+009F, in UTF-8
  return byte < 0x20 || byte == 0x7F || c1;
}

}  // namespace

std::string fixed(double value, int decimals) {
  std::array<char, 400> text;  // the longest double has 309 digits before the point
  const auto [end, error] =
      std::to_chars(text.data(), text.data() + text.size(), value, std::chars_format::fixed, decimals);
  return error == std::errc{} ? std::string(text.data(), end) : "?";
}

std::string human_size(uint64_t bytes) {
  constexpr std::array kUnits = {" KiB", " MiB", " GiB", " TiB", " PiB", " EiB"};
  if (bytes < 1024) return std::to_string(bytes) + " B";
  double value = static_cast<double>(bytes) / 1024;
  size_t unit = 0;
  for (; value >= 1023.95 && unit + 1 < kUnits.size(); ++unit) value /= 1024;  // 1023.95 would be shown as 1024.0
  return fixed(value, 1) + kUnits[unit];
}

std::string human_duration(double seconds) {
  constexpr double kMost = 1e9;
  const auto whole = static_cast<uint64_t>(std::clamp(seconds, 0.0, kMost) + 0.5);
  const uint64_t minutes = whole / 60;
  if (minutes == 0) return std::to_string(whole) + " s";
  if (minutes < 60) return std::to_string(minutes) + " min " + std::to_string(whole % 60) + " s";
  return std::to_string(minutes / 60) + " h " + std::to_string(minutes % 60) + " min";
}

std::string printable(std::string_view text) {
  std::string clean(text);
  unsigned char before = 0;
  for (char& c : clean) {
    const auto byte = static_cast<unsigned char>(c);
    if (is_control(before, byte)) c = '?';
    before = byte;
  }
  return clean;
}

Table::Table(std::vector<std::string> titles) : right_(titles.size()), widths_(titles.size()) {
  for (size_t i = 0; i < titles.size(); ++i) {
    right_[i] = titles[i].starts_with('>');
    if (right_[i]) titles[i].erase(0, 1);
  }
  add(std::move(titles));
}

void Table::add(std::vector<std::string> cells) {
  assert(cells.size() == widths_.size());
  for (size_t i = 0; i < cells.size(); ++i) {
    cells[i] = printable(cells[i]);
    widths_[i] = std::max(widths_[i], cells[i].size());
  }
  rows_.push_back(std::move(cells));
}

std::string Table::line(const std::vector<std::string>& cells) const {
  std::string text;
  for (size_t i = 0; i < cells.size(); ++i) {
    const std::string padding = spaces(widths_[i] - cells[i].size());
    if (i > 0) text += "  ";
    text += right_[i] ? padding + cells[i] : cells[i] + padding;
  }
  text.erase(text.find_last_not_of(' ') + 1);
  return text + '\n';
}

std::string Table::text() const {
  std::string text;
  for (const auto& row : rows_) text += line(row);
  return text;
}

std::string key_values(const Pairs& pairs) {
  size_t width = 0;
  for (const auto& [key, value] : pairs) width = std::max(width, key.size());
  std::string text;
  for (const auto& [key, value] : pairs) text += key + ": " + spaces(width - key.size()) + printable(value) + '\n';
  return text;
}

}  // namespace npanel
