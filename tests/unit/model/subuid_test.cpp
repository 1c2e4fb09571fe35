// SPDX-License-Identifier: Apache-2.0
#include "model/subuid.h"

#include <gtest/gtest.h>

namespace npanel {
namespace {

constexpr uint32_t kLeast = 1000;

bool contains(const std::vector<np_uid_prefix>& prefixes, uint32_t uid) {
  for (const np_uid_prefix& prefix : prefixes) {
    uint32_t begin = 0;
    for (const __u8 byte : prefix.uid) begin = begin << 8 | byte;
    const uint32_t behind = prefix.bits == 32 ? 0 : ~0U >> prefix.bits;
    if (uid >= begin && uid - begin <= behind) return true;
  }
  return false;
}

TEST(Subuid, ReadsUsersAndUids) {
  const SubuidRanges found = parse_subuids("bob:100000:65536\n# a comment\n\n4002:165536:65536\n", kLeast);
  ASSERT_EQ(found.ranges.size(), 2U);
  EXPECT_EQ(found.ranges[0].user, "bob");
  EXPECT_EQ(found.ranges[0].first, 100000U);
  EXPECT_EQ(found.ranges[0].count, 65536U);
  EXPECT_EQ(found.ranges[1].user, "4002");
  EXPECT_TRUE(found.complaints.empty());
}

TEST(Subuid, LeavesOutWhatIsNoRangeOrTheSystemsAndSaysWhichLine) {
  const SubuidRanges found = parse_subuids(
      "bob:0:65536\nbob:100000\nbob:x:1\n:100000:1\nbob:4294967295:2\nbob:100000:0\nann:200000:10\nbob:200009:1\n",
      kLeast);
  ASSERT_EQ(found.ranges.size(), 1U);
  EXPECT_EQ(found.ranges[0].user, "ann");
  ASSERT_EQ(found.complaints.size(), 7U);
  EXPECT_EQ(found.complaints[0], "line 1: holds uids of the system");
  EXPECT_EQ(found.complaints[1], "line 2: must be user:first uid:count");
  EXPECT_EQ(found.complaints[6], "line 8: shares uids with a line before it");
}

TEST(Subuid, RangeThatLiesAroundOneBeforeItSharesItsUids) {
  EXPECT_EQ(parse_subuids("ann:200000:10\nbob:199990:100\n", kLeast).ranges.size(), 1U);
  EXPECT_EQ(parse_subuids("ann:200000:10\nbob:200010:100\n", kLeast).ranges.size(), 2U);
}

TEST(Subuid, AnAlignedRangeIsOnePrefix) {
  const auto prefixes = prefixes_of({.user = "bob", .first = 0x10000, .count = 0x10000});
  ASSERT_EQ(prefixes.size(), 1U);
  EXPECT_EQ(prefixes[0].bits, 16U);
}

TEST(Subuid, PrefixesHoldTheRangeAndNothingElse) {
  for (const SubuidRange& range :
       {SubuidRange{"bob", 100000, 65536}, SubuidRange{"bob", 1001, 1}, SubuidRange{"bob", 1001, 1022},
        SubuidRange{"bob", 4294967294, 1}, SubuidRange{"bob", 1000, 4294966295}}) {
    const auto prefixes = prefixes_of(range);
    EXPECT_LE(prefixes.size(), 62U);
    const uint32_t last = range.first + (range.count - 1);
    EXPECT_TRUE(contains(prefixes, range.first));
    EXPECT_TRUE(contains(prefixes, range.first + range.count / 2));
    EXPECT_TRUE(contains(prefixes, last));
    EXPECT_FALSE(contains(prefixes, range.first - 1));
    EXPECT_FALSE(contains(prefixes, last + 1));
  }
}

}  // namespace
}  // namespace npanel
