// SPDX-License-Identifier: Apache-2.0
#include "model/memory_parts.h"

#include <algorithm>
#include <optional>

#include "base/parse.h"

namespace npanel {
namespace {

bool is_near(uint64_t walked, std::optional<uint64_t> file) {
  constexpr uint64_t kSlack = 8ULL << 20;
  if (!file) return false;
  const auto [low, high] = std::minmax(walked, *file);
  return high - low <= kSlack + high / 4;
}

}  // namespace

bool tells_parts(const np_usage& row) {
  constexpr uint64_t kMuch = 32ULL << 20;
  return (row.groups & NP_USAGE_PARTS) != 0 && row.memory_bytes >= kMuch;
}

bool parts_agree(const np_usage& row, std::string_view memory_stat) {
  return is_near(row.anon_bytes, flat_key(memory_stat, "anon")) &&
         is_near(row.file_bytes, flat_key(memory_stat, "file")) &&
         is_near(row.kernel_bytes, flat_key(memory_stat, "kernel")) &&
         is_near(row.inactive_file_bytes, flat_key(memory_stat, "inactive_file"));
}

}  // namespace npanel
