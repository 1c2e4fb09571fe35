// SPDX-License-Identifier: Apache-2.0
#include "agent/message_book.h"

#include <gtest/gtest.h>

#include <cstdint>

namespace npanel {
namespace {

TEST(MessageBook, ARecipientCountsOncePutOffAndOnceDecided) {
  MessageBook book;
  EXPECT_TRUE(book.judge(1, 7, false, 1));
  EXPECT_FALSE(book.judge(1, 7, false, 1));
  EXPECT_TRUE(book.judge(1, 7, true, 1));
  for (const bool decided : {true, false}) EXPECT_FALSE(book.judge(1, 7, decided, 1));
}

TEST(MessageBook, NoMoreRecipientsCountThanWereCharged) {
  MessageBook book;
  int counted = 0;
  for (int i = 0; i < 100; ++i) counted += book.judge(1, static_cast<uint64_t>(i), true, 3) ? 1 : 0;
  EXPECT_EQ(counted, 3);
  EXPECT_TRUE(book.judge(2, 7, true, 3)) << "of another message";
}

TEST(MessageBook, WhatIsForwardedBelongsToTheWhole) {
  MessageBook book;
  EXPECT_EQ(book.whole(5), 5U);
  book.join(5, 1);
  EXPECT_EQ(book.whole(5), 1U);
  book.join(5, 0);
  EXPECT_EQ(book.whole(5), 5U) << "the id is used again, by nobody's message";
}

TEST(MessageBook, RemembersTheNewest) {
  MessageBook book;
  for (uint64_t id = 1; id <= 20'000; ++id) {
    book.judge(id, 7, true, 1);
    book.join(id + 100'000, id);
  }
  EXPECT_TRUE(book.judge(1, 7, true, 1)) << "forgotten";
  EXPECT_EQ(book.whole(100'001), 100'001U);
  EXPECT_FALSE(book.judge(20'000, 7, true, 1));
  EXPECT_EQ(book.whole(120'000), 20'000U);
}

TEST(MessageBook, OneMessageDoesNotFillTheMemory) {
  MessageBook book;
  constexpr uint64_t kMany = 140'000;
  for (uint64_t i = 0; i < kMany; ++i) book.judge(1, i, true, kMany);
  EXPECT_TRUE(book.judge(1, 0, true, kMany)) << "forgotten";
  EXPECT_FALSE(book.judge(1, kMany - 1, true, kMany));
}

}  // namespace
}  // namespace npanel
