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

TEST(LocalNames, SayWhereHomesAreAndSeeThatTheFileHasChanged) {
  const TempDir dir;
  const std::string users = dir.write("passwd",
                                      "root:x:0:0::/root:/bin/sh\ndaemon:x:2:2::/data/daemon:/bin/sh\n"
                                      "bob:x:1000:1000::/srv/www/bob:/bin/sh\nann:x:1001:1001::/srv/www/ann:/bin/sh\n"
                                      "nobody:x:65534:65534::/nonexistent/x:/bin/sh\neve:x:1002:1002::/:/bin/sh\n");
  LocalHomes homes;
  EXPECT_EQ(homes.look(users.c_str()), std::set<std::string>{"/srv/www"});
  EXPECT_EQ(homes.look(users.c_str()), std::set<std::string>{"/srv/www"});
  dir.write("passwd", "bob:x:1000:1000::/home2/bob:/bin/sh\n");
  EXPECT_EQ(homes.look(users.c_str()), std::set<std::string>{"/home2"});
}

TEST(LocalNames, OfAFileThatIsNotThereAreNone) {
  EXPECT_EQ(local_uid("root", "/nonexistent"), std::nullopt);
}

}  // namespace
}  // namespace npanel
