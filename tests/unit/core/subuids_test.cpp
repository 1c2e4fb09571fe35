// SPDX-License-Identifier: Apache-2.0
#include "core/subuids.h"

#include <gtest/gtest.h>

#include "support/temp_dir.h"

namespace npanel {
namespace {

class SubuidsTest : public testing::Test {
 protected:
  TempDir dir_;
  Subuids subuids_{dir_.path("subuid"), dir_.path("passwd")};
  const std::vector<Subuids::Account> accounts_{{.name = "bob", .slot = 1, .uid = 4001},
                                                {.name = "shop", .slot = 2, .uid = 4002}};
};

TEST_F(SubuidsTest, UserIsTheAccountOfThatNameOrOfItsUid) {
  dir_.write("passwd", "root:x:0:0::/:/bin/sh\nann:x:4002:4002::/home/ann:/bin/sh\n");
  dir_.write("subuid", "bob:100000:65536\nann:200000:65536\n4001:300000:10\nstranger:400000:10\n");
  const auto owners = subuids_.owners(accounts_);
  ASSERT_EQ(owners.size(), 2U);
  EXPECT_EQ(owners[0].slot, 1U);
  ASSERT_EQ(owners[0].ranges.size(), 2U);
  EXPECT_EQ(owners[0].ranges[1].first, 300000U);
  EXPECT_EQ(owners[1].slot, 2U);
  EXPECT_EQ(owners[1].ranges[0].first, 200000U);
}

// "4001" is a name for useradd --badname and for LDAP, and a uid for subuid(5).
TEST_F(SubuidsTest, ANumberThatMayBeTwoAccountsIsNeithers) {
  dir_.write("passwd", "");
  dir_.write("subuid", "4001:100000:65536\n20231234:200000:65536\n");
  const std::vector<Subuids::Account> accounts{{.name = "bob", .slot = 1, .uid = 4001},
                                               {.name = "4001", .slot = 2, .uid = 4005},
                                               {.name = "20231234", .slot = 3, .uid = 4006}};
  const auto owners = subuids_.owners(accounts);
  ASSERT_EQ(owners.size(), 1U);
  EXPECT_EQ(owners[0].slot, 3U);
}

TEST_F(SubuidsTest, IsReadAgainWhenTheFileOrTheAccountsChange) {
  EXPECT_TRUE(subuids_.is_stale());
  EXPECT_TRUE(subuids_.owners(accounts_).empty()) << "there is no file";
  EXPECT_FALSE(subuids_.is_stale());
  dir_.write("subuid", "bob:100000:65536\n");
  EXPECT_TRUE(subuids_.is_stale()) << "a file that comes later";
  EXPECT_EQ(subuids_.owners(accounts_).size(), 1U);
  EXPECT_FALSE(subuids_.is_stale());
  subuids_.look_again();
  EXPECT_TRUE(subuids_.is_stale());
}

TEST_F(SubuidsTest, ComplainsOnce) {
  dir_.write("subuid", "bob:0:65536\n");
  EXPECT_TRUE(subuids_.owners(accounts_).empty());
  EXPECT_EQ(subuids_.take_complaints().size(), 1U);
  EXPECT_TRUE(subuids_.owners(accounts_).empty());
  EXPECT_TRUE(subuids_.take_complaints().empty());
}

}  // namespace
}  // namespace npanel
