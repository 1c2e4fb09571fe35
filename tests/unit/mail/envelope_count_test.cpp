// SPDX-License-Identifier: Apache-2.0
#include "mail/envelope_count.h"

#include <gtest/gtest.h>

namespace npanel {
namespace {

TEST(EnvelopeCount, CountsEachMessageForItself) {
  EnvelopeCount count;
  EXPECT_EQ(count.add(7), 1U);
  EXPECT_EQ(count.add(8), 1U);
  EXPECT_EQ(count.add(7), 2U);
  EXPECT_EQ(count.add(7), 3U);
}

TEST(EnvelopeCount, MessageWithoutAnInstanceIsNoOthers) {
  EnvelopeCount count;
  EXPECT_EQ(count.add(0), 1U);
  EXPECT_EQ(count.add(0), 1U);
}

TEST(EnvelopeCount, RemembersTheNewestOnly) {
  EnvelopeCount count;
  count.add(1);
  for (uint64_t other = 2; other <= 4096; ++other) count.add(other);
  EXPECT_EQ(count.add(1), 2U);
  count.add(5000);
  EXPECT_EQ(count.add(1), 1U) << "forgotten";
  EXPECT_EQ(count.add(4096), 2U);
}

}  // namespace
}  // namespace npanel
