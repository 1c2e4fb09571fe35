// SPDX-License-Identifier: Apache-2.0
#include "base/parse.h"

#include <gtest/gtest.h>

namespace npanel {
namespace {

TEST(Parse, TakesWholeNumbersOnly) {
  EXPECT_EQ(parse_u64("0"), 0u);
  EXPECT_EQ(parse_u64("18446744073709551615"), UINT64_MAX);
  for (const char* wrong : {"", " 1", "1 ", "-1", "+1", "1.0", "1e3", "0x10", "18446744073709551616", "max", "NaN"})
    EXPECT_FALSE(parse_u64(wrong)) << wrong;
}

TEST(Parse, FindsAKeyOfAFlatFile) {
  constexpr std::string_view kFile = "usage_usec 12\nuser_usec 8\nnr_throttled 3\n";
  EXPECT_EQ(flat_key(kFile, "usage_usec"), 12u);
  EXPECT_EQ(flat_key(kFile, "nr_throttled"), 3u);
  EXPECT_FALSE(flat_key(kFile, "usage"));
  EXPECT_FALSE(flat_key(kFile, "absent"));
  EXPECT_FALSE(flat_key("", "usage_usec"));
  EXPECT_EQ(flat_key("last 5", "last"), 5u);
}

TEST(Parse, TrimsBothEnds) {
  EXPECT_EQ(trim(" max\n"), "max");
  EXPECT_EQ(trim(" \n"), "");
}

TEST(Parse, ReadsSizesAsAdministratorsWriteThem) {
  EXPECT_EQ(parse_size("512M"), 512u << 20);
  EXPECT_EQ(parse_size("50MB"), 50'000'000u);
  EXPECT_EQ(parse_size("1T"), 1ULL << 40);
  EXPECT_EQ(parse_size("4096"), 4096u);
  for (const char* wrong : {"", "M", "B", "1B", "1.5G", "-1K", "1Q", "18446744073709551615K", "1 M"})
    EXPECT_FALSE(parse_size(wrong)) << wrong;
}

}  // namespace
}  // namespace npanel
