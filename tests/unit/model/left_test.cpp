// SPDX-License-Identifier: Apache-2.0
#include "model/left.h"

#include <gtest/gtest.h>

namespace npanel {
namespace {

bool says(const std::string& text, const std::string& piece) {
  return text.find(piece) != std::string::npos;
}

TEST(Left, SaysWhatHoldsAProcessThatSigkillDoesNotEnd) {
  EXPECT_TRUE(says(why_left({.state = 'D', .waits_in = "percpu_rwsem_wait"}), "(D, percpu_rwsem_wait)"));
  EXPECT_TRUE(says(why_left({.state = 'D'}), "(D)"));
  EXPECT_TRUE(says(why_left({.state = 'D', .waits_in = "__refrigerator"}), "frozen by somebody else"));
  EXPECT_TRUE(says(why_left({.state = 't'}), "traced (t)"));
  EXPECT_TRUE(says(why_left({.state = 'Z'}), "is dead (Z)"));
  EXPECT_TRUE(says(why_left({.state = 'R'}), "runs on in the kernel (R)"));
}

TEST(Left, NamesSomeAndCountsTheRest) {
  const std::vector<LeftProcess> some{{.pid = 7, .name = "rsync", .state = 'D'},
                                      {.pid = 9, .name = "cp", .state = 'D'}};
  const std::string text = left_text(some, 12);
  EXPECT_TRUE(text.starts_with("12 processes are left: 7 (rsync) waits in the kernel")) << text;
  EXPECT_TRUE(says(text, "; 9 (cp) waits")) << text;
  EXPECT_TRUE(text.ends_with("; 10 more")) << text;
  EXPECT_TRUE(left_text({{.pid = 7, .name = "x", .state = 'D'}}, 1).starts_with("1 process is left: 7 (x)"));
  EXPECT_TRUE(says(left_text({}, 0), "populated"));
}

}  // namespace
}  // namespace npanel
