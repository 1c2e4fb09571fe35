// SPDX-License-Identifier: Apache-2.0
#include "model/net.h"

#include <gtest/gtest.h>

namespace npanel {
namespace {

TEST(Net, Ipv4IsMapped) {
  const auto net = parse_net("192.0.2.0/24");
  ASSERT_TRUE(net);
  EXPECT_EQ(net->prefix, 120U);
  EXPECT_EQ(net->address[10], 0xff);
  EXPECT_EQ(net->address[12], 192);
  EXPECT_EQ(net->address[14], 2);
}

TEST(Net, OneAddressNeedsNoPrefix) {
  EXPECT_EQ(parse_net("127.0.0.1")->prefix, 128U);
  EXPECT_EQ(parse_net("::1")->prefix, 128U);
  EXPECT_EQ(parse_net("0.0.0.0/0")->prefix, 96U);
  EXPECT_EQ(parse_net("::/0")->prefix, 0U);
  EXPECT_EQ(parse_net("2001:db8::/33")->prefix, 33U);
}

TEST(Net, RefusesEverythingElse) {
  for (const char* text : {"", "/", "192.0.2.0/", "192.0.2.0/33", "192.0.2.1/24", "::1/129", "::1/64", "192.0.2",
                           "host", "192.0.2.0/-1", "192.0.2.0/+8", "192.0.2.0/ 24", " 192.0.2.0", "192.0.2.0/24/8"})
    EXPECT_FALSE(parse_net(text)) << text;
}

}  // namespace
}  // namespace npanel
