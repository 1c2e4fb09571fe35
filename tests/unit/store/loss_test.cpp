// SPDX-License-Identifier: Apache-2.0
#include "store/loss.h"

#include <gtest/gtest.h>

#include <fstream>

#include "support/temp_dir.h"

namespace npanel {
namespace {

class Loss : public testing::Test {
 protected:
  void spoil(const std::string& text) const { std::ofstream(database_ + ".accounts-lost") << text; }
  const TempDir dir_;
  const std::string database_ = dir_.path("npanel.db");
};

TEST_F(Loss, IsRememberedUntilItIsForgotten) {
  EXPECT_FALSE(remembered_loss(database_));
  ASSERT_TRUE(
      remember_loss(database_, {.found_ms = 1'700'000'000'000, .taken_over = true, .done = {"account bob…", ""}}));
  for (int start = 0; start < 3; ++start) {
    const auto loss = remembered_loss(database_);
    ASSERT_TRUE(loss);
    EXPECT_EQ(loss->found_ms, 1'700'000'000'000);
    EXPECT_TRUE(loss->taken_over);
    EXPECT_EQ(loss->done, (std::vector<std::string>{"account bob…", ""}));
  }
  ASSERT_TRUE(forget_loss(database_));
  EXPECT_FALSE(remembered_loss(database_));
  EXPECT_TRUE(forget_loss(database_)) << "twice is no error";
}

TEST_F(Loss, AMarkThatSaysNothingIsALossAllTheSame) {
  for (const char* text : {"", "{", "[]", R"({"found_ms":"x","taken_over":3,"done":[1,{}]})"}) {
    spoil(text);
    const auto loss = remembered_loss(database_);
    ASSERT_TRUE(loss) << text;
    EXPECT_FALSE(loss->taken_over) << text;
    EXPECT_TRUE(loss->done.empty()) << text;
  }
}

TEST_F(Loss, BytesThatAreNoTextAreKeptAsWellAsTheyCan) {
  ASSERT_TRUE(remember_loss(database_, {.done = {"cgroup \xff"}}));
  EXPECT_EQ(remembered_loss(database_)->done.size(), 1U);
}

}  // namespace
}  // namespace npanel
