// SPDX-License-Identifier: Apache-2.0
#include "kernel/local_users.h"

#include <gtest/gtest.h>

#include "support/temp_dir.h"

namespace npanel {
namespace {

TEST(LocalUsers, AreThoseOfTheFile) {
  const TempDir dir;
  const std::string passwd =
      dir.write("passwd",
                "root:x:0:0:root:/root:/bin/sh\nDebian-exim:x:101:104::/var/spool/exim4:/bin/false\n"
                "broken\npostfix:x:none:1::/:/\nmail:x:8:8:mail:/var/mail:/usr/sbin/nologin\n");
  EXPECT_EQ(local_uids({"Debian-exim", "postfix", "mail", "nobody-of-this-name"}, passwd), (std::set<uid_t>{8, 101}));
  EXPECT_TRUE(local_uids({"mail"}, dir.path("nothing")).empty());
}

}  // namespace
}  // namespace npanel
