// SPDX-License-Identifier: Apache-2.0
#include "base/back_off.h"

#include <gtest/gtest.h>

namespace npanel {
namespace {

TEST(BackOff, WaitsTwiceAsLongEachTimeUpToAMinute) {
  BackOff back_off;
  EXPECT_TRUE(back_off.due(0));
  int64_t now = 5;
  for (const int64_t seconds : {1, 2, 4, 8, 16, 32, 60, 60}) {
    back_off.failed(now);
    EXPECT_FALSE(back_off.due(now + seconds * 1000 - 1)) << seconds;
    now += seconds * 1000;
    EXPECT_TRUE(back_off.due(now)) << seconds;
    EXPECT_EQ(back_off.patient(), seconds >= 32) << seconds;
  }
}

TEST(BackOff, BeginsAnewAfterASuccess) {
  BackOff back_off;
  for (int i = 0; i < 9; ++i) back_off.failed(0);
  back_off.succeeded();
  EXPECT_TRUE(back_off.due(0));
  back_off.failed(0);
  EXPECT_TRUE(back_off.due(1000));
}

}  // namespace
}  // namespace npanel
