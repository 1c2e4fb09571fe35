// SPDX-License-Identifier: Apache-2.0
#include "daemon/config_nearest.h"

#include <algorithm>

namespace npanel {
namespace {

constexpr size_t kLongest = 100;  // longer than any name of ours, and comparing takes the product of both lengths

size_t distance(std::string_view one, std::string_view other) {
  std::vector<size_t> row(other.size() + 1);
  for (size_t j = 0; j < row.size(); ++j) row[j] = j;
  for (size_t i = 1; i <= one.size(); ++i) {
    size_t diagonal = row[0];
    row[0] = i;
    for (size_t j = 1; j <= other.size(); ++j) {
      const size_t replaced = diagonal + (one[i - 1] == other[j - 1] ? 0 : 1);
      diagonal = row[j];
      row[j] = std::min({row[j] + 1, row[j - 1] + 1, replaced});
    }
  }
  return row.back();
}

}  // namespace

std::optional<std::string> nearest(std::string_view wrong, const std::vector<std::string>& candidates) {
  if (wrong.size() > kLongest) return std::nullopt;
  std::optional<std::string> found;
  size_t least = kLongest;
  for (const std::string& candidate : candidates) {
    const size_t differs = distance(wrong, candidate);
    if (differs >= least || differs > candidate.size() / 4) continue;
    least = differs;
    found = candidate;
  }
  return found;
}

}  // namespace npanel
