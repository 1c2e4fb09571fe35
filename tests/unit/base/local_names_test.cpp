// SPDX-License-Identifier: Apache-2.0
#include "base/local_names.h"

#include <gtest/gtest.h>

#include "support/temp_dir.h"

namespace npanel {
namespace {

TEST(LocalNames, AreThoseOfTheFile) {
  const TempDir dir;
  const std::string users = dir.write("passwd", "root:x:0:0::/root:/bin/sh\nbob:x:4001:4001::/home/bob:/bin/sh\n");
  const std::string groups = dir.write("group", "root:x:0:\nnpanel:x:990:ann,bob\n");
  EXPECT_EQ(local_uid("bob", users.c_str()), 4001U);
  EXPECT_EQ(local_uid("bo", users.c_str()), std::nullopt);
  EXPECT_EQ(local_user(4001, users.c_str()), "bob");
  EXPECT_EQ(local_user(4002, users.c_str()), std::nullopt);
  EXPECT_EQ(local_gid("npanel", groups.c_str()), 990U);
  EXPECT_EQ(local_gid("nobody", groups.c_str()), std::nullopt);
}

TEST(LocalNames, OfAFileThatIsNotThereAreNone) {
  EXPECT_EQ(local_uid("root", "/nonexistent"), std::nullopt);
}

}  // namespace
}  // namespace npanel
