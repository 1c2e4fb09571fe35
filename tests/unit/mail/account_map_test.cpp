// SPDX-License-Identifier: Apache-2.0
#include "mail/account_map.h"

#include <gtest/gtest.h>

#include "support/temp_dir.h"

namespace npanel {
namespace {

TEST(AccountMap, TakesBothWaysToWriteALineAndForgetsCase) {
  const TempDir dir;
  dir.write("domains", "# cPanel's way\nExample.com: bob\nexample.org  eve # hers\n\n*: nobody\n");
  const auto map = AccountMap::read(dir.path("domains"));
  ASSERT_TRUE(map);
  EXPECT_EQ(map->find("example.COM"), "bob");
  EXPECT_EQ(map->find("example.org"), "eve");
  EXPECT_EQ(map->find("example.net"), std::nullopt);
  EXPECT_EQ(map->find(""), std::nullopt);
  EXPECT_TRUE(map->complaints().empty());
}

TEST(AccountMap, LeavesOutWhatCannotBeAnAccountAndSaysWhere) {
  const TempDir dir;
  dir.write("domains", "a.example: bob\nb.example: ../etc\nc.example\n: eve\nd.example: Bob\n");
  const auto map = AccountMap::read(dir.path("domains"));
  ASSERT_TRUE(map);
  EXPECT_EQ(map->size(), 1U);
  ASSERT_EQ(map->complaints().size(), 4U);
  EXPECT_EQ(map->complaints()[0], dir.path("domains:2") + ": must be \"key: account\"");
}

TEST(AccountMap, NoticesThatTheFileHasChanged) {
  const TempDir dir;
  dir.write("domains", "a.example: bob\n");
  const auto map = AccountMap::read(dir.path("domains"));
  ASSERT_TRUE(map);
  EXPECT_FALSE(map->is_stale());
  dir.write("domains", "a.example: eve and more\n");
  EXPECT_TRUE(map->is_stale());
  EXPECT_FALSE(AccountMap().is_stale());
}

TEST(AccountMap, FileThatIsNotThereIsAnError) {
  const TempDir dir;
  EXPECT_FALSE(AccountMap::read(dir.path("nothing")));
}

}  // namespace
}  // namespace npanel
