// SPDX-License-Identifier: Apache-2.0
#include "model/memory_parts.h"

#include <gtest/gtest.h>

namespace npanel {
namespace {

constexpr uint64_t kMib = 1ULL << 20;

np_usage row_of(uint64_t anon, uint64_t file, uint64_t inactive) {
  np_usage row{};
  row.groups = NP_USAGE_MEMORY | NP_USAGE_PARTS;
  row.memory_bytes = (anon + file + 1) * kMib;
  row.anon_bytes = anon * kMib;
  row.file_bytes = file * kMib;
  row.kernel_bytes = kMib;
  row.inactive_file_bytes = inactive * kMib;
  return row;
}

std::string stat_of(uint64_t anon, uint64_t file, uint64_t inactive) {
  return "anon " + std::to_string(anon * kMib) + "\nfile " + std::to_string(file * kMib) + "\nkernel " +
         std::to_string(kMib) + "\ninactive_file " + std::to_string(inactive * kMib) + "\n";
}

TEST(MemoryParts, AgreeWhenTheyAreNear) {
  EXPECT_TRUE(parts_agree(row_of(10, 100, 80), stat_of(10, 100, 80)));
  EXPECT_TRUE(parts_agree(row_of(10, 100, 80), stat_of(12, 110, 90))) << "it works on meanwhile";
}

TEST(MemoryParts, DoNotAgreeWhenOneIsAnother) {
  EXPECT_FALSE(parts_agree(row_of(100, 10, 5), stat_of(10, 100, 5)));
  EXPECT_FALSE(parts_agree(row_of(10, 100, 0), stat_of(10, 100, 80)));
  EXPECT_FALSE(parts_agree(row_of(10, 100, 80), "anon 10485760\n")) << "a file without the others";
}

TEST(MemoryParts, TellNothingWhereThereIsLittleMemory) {
  EXPECT_FALSE(tells_parts(row_of(1, 1, 0)));
  EXPECT_TRUE(tells_parts(row_of(30, 10, 0)));
  np_usage row = row_of(30, 10, 0);
  row.groups = NP_USAGE_MEMORY;
  EXPECT_FALSE(tells_parts(row));
}

}  // namespace
}  // namespace npanel
