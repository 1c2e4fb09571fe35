// SPDX-License-Identifier: Apache-2.0
#include "mail/message_outcomes.h"

#include <gtest/gtest.h>

#include <cstdint>

namespace npanel {
namespace {

TEST(MessageOutcomes, ARecipientCountsOncePutOffAndOnceDecided) {
  MessageOutcomes outcomes;
  EXPECT_TRUE(outcomes.judge(1, 7, false, 1));
  EXPECT_FALSE(outcomes.judge(1, 7, false, 1));
  EXPECT_TRUE(outcomes.judge(1, 7, true, 1));
  for (const bool decided : {true, false}) EXPECT_FALSE(outcomes.judge(1, 7, decided, 1));
}

TEST(MessageOutcomes, NoMoreRecipientsCountThanWereCharged) {
  MessageOutcomes outcomes;
  int counted = 0;
  for (int i = 0; i < 100; ++i) counted += outcomes.judge(1, static_cast<uint64_t>(i), true, 3) ? 1 : 0;
  EXPECT_EQ(counted, 3);
  EXPECT_TRUE(outcomes.judge(2, 7, true, 3)) << "of another message";
}

TEST(MessageOutcomes, WhatIsForwardedBelongsToTheWhole) {
  MessageOutcomes outcomes;
  EXPECT_EQ(outcomes.whole(5), 5U);
  outcomes.join(5, 1);
  EXPECT_EQ(outcomes.whole(5), 1U);
  outcomes.join(5, 0);
  EXPECT_EQ(outcomes.whole(5), 5U) << "the id is used again, by nobody's message";
}

TEST(MessageOutcomes, RemembersTheNewest) {
  MessageOutcomes outcomes;
  for (uint64_t id = 1; id <= 20'000; ++id) {
    outcomes.judge(id, 7, true, 1);
    outcomes.join(id + 100'000, id);
  }
  EXPECT_TRUE(outcomes.judge(1, 7, true, 1)) << "forgotten";
  EXPECT_EQ(outcomes.whole(100'001), 100'001U);
  EXPECT_FALSE(outcomes.judge(20'000, 7, true, 1));
  EXPECT_EQ(outcomes.whole(120'000), 20'000U);
}

TEST(MessageOutcomes, OneMessageDoesNotFillTheMemory) {
  MessageOutcomes outcomes;
  constexpr uint64_t kMany = 140'000;
  for (uint64_t i = 0; i < kMany; ++i) outcomes.judge(1, i, true, kMany);
  EXPECT_TRUE(outcomes.judge(1, 0, true, kMany)) << "forgotten";
  EXPECT_FALSE(outcomes.judge(1, kMany - 1, true, kMany));
}

}  // namespace
}  // namespace npanel
