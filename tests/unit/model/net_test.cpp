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

TEST(Net, AddressIsTheSameHoweverItIsWritten) {
  EXPECT_EQ(parse_net_address("192.0.2.1"), parse_net_address("::ffff:192.0.2.1"));
  EXPECT_EQ(parse_net_address("2001:DB8::1"), parse_net_address("2001:db8:0:0::1"));
  EXPECT_EQ(parse_net_address("fe80::1%eth0"), parse_net_address("fe80::1"));
  for (const std::string& text :
       {std::string("unknown"), std::string(), std::string("192.0.2.1/32"), std::string("192.0.2.1\0", 10)})
    EXPECT_EQ(parse_net_address(text), std::nullopt) << text;
}

TEST(Net, HoldsWhatIsInIt) {
  const auto holds_text = [](const char* net, const char* address) {
    return contains(*parse_net(net), *parse_net_address(address));
  };
  EXPECT_TRUE(holds_text("192.0.2.0/25", "::ffff:192.0.2.127"));
  EXPECT_FALSE(holds_text("192.0.2.0/25", "192.0.2.128"));
  EXPECT_TRUE(holds_text("2001:db8::/33", "2001:db8:7fff::1"));
  EXPECT_FALSE(holds_text("2001:db8::/33", "2001:db8:8000::1"));
  EXPECT_FALSE(holds_text("::1", "127.0.0.1"));
  EXPECT_FALSE(holds_text("::/1", "8000::1"));
  EXPECT_TRUE(holds_text("0.0.0.0/0", "203.0.113.9"));
}

TEST(Net, OverlapIsOneHoldingTheOther) {
  EXPECT_TRUE(overlap(*parse_net("127.0.0.0/8"), *parse_net("0.0.0.0/0")));
  EXPECT_TRUE(overlap(*parse_net("::/0"), *parse_net("127.0.0.1")));
  EXPECT_FALSE(overlap(*parse_net("192.0.2.0/24"), *parse_net("192.0.3.0/24")));
}

}  // namespace
}  // namespace npanel
