// SPDX-License-Identifier: Apache-2.0
#include "api/listen.h"

#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <string>

#include "support/temp_dir.h"
#include "unit/api/port_of.h"

namespace npanel {
namespace {

TEST(Listen, TakesAddressesWithAPortOnly) {
  for (const char* address : {"",
                              ":",
                              "127.0.0.1",
                              "127.0.0.1:",
                              "127.0.0.1:x",
                              "127.0.0.1:65536",
                              "127.0.0.1:-1",
                              "localhost:8443",
                              "8443",
                              ":8443",
                              "::1:8443",
                              "[::1]",
                              "[::1]:",
                              "[::1]:99999",
                              "[]:8443",
                              "[::1:8443",
                              "[127.0.0.1]:8443",
                              "127.1:8443",
                              " 127.0.0.1:8443",
                              "127.0.0.1:8443 ",
                              "http://127.0.0.1:8443"}) {
    const auto socket = listen_tcp(address);
    ASSERT_FALSE(socket) << address;
    EXPECT_EQ(socket.error().code, EINVAL) << address;
  }
}

TEST(Listen, ATakenPortIsAnError) {
  const UniqueFd first = listen_tcp("127.0.0.1:0").value();
  const auto second = listen_tcp("127.0.0.1:" + std::to_string(port_of(first)));
  ASSERT_FALSE(second);
  EXPECT_EQ(second.error().code, EADDRINUSE);
}

TEST(Listen, SaysWhyAGroupIsLockedOut) {
  const TempDir dir;
  const std::string path = dir.path("agent.sock");
  const UniqueFd socket = listen_unix(path, "").value();
  ASSERT_EQ(::chown(path.c_str(), static_cast<uid_t>(-1), ::getegid()), 0);
  ASSERT_EQ(::chmod(path.c_str(), 0660), 0);
  const std::string own = std::to_string(::getegid());
  const std::string groups = dir.write("group", "panel:x:" + own + ":\nother:x:4242:\n");
  const auto why = [&](const std::string& group) {
    return why_not_for_group(path, group, groups.c_str()).value_or("");
  };
  EXPECT_EQ(why("panel"), "");
  EXPECT_EQ(why(""), "") << "nobody but root is meant to";
  EXPECT_NE(why("gone").find("there is no group gone any more"), std::string::npos);
  EXPECT_NE(why("other").find("gid 4242, but for gid " + own), std::string::npos);
  ASSERT_EQ(::chmod(path.c_str(), 0600), 0);
  EXPECT_NE(why("panel"), "");
  EXPECT_EQ(why_not_for_group(dir.path("none"), "gone", groups.c_str()), std::nullopt) << "said elsewhere";
}

TEST(Listen, IPv6TakesNoIPv4Port) {
  const auto six = listen_tcp("[::1]:0");
  if (!six && six.error().code == EAFNOSUPPORT) return;  // a host without IPv6
  ASSERT_TRUE(six) << six.error().text;
  int only = 0;
  socklen_t bytes = sizeof(only);
  ASSERT_EQ(::getsockopt(six->get(), IPPROTO_IPV6, IPV6_V6ONLY, &only, &bytes), 0);
  EXPECT_EQ(only, 1);
}

}  // namespace
}  // namespace npanel
