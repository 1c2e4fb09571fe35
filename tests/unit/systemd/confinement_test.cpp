// SPDX-License-Identifier: Apache-2.0
#include "systemd/confinement.h"

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>

#include <cstring>

namespace npanel {
namespace {

sockaddr_storage v4(const char* text) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  ::inet_pton(AF_INET, text, &address.sin_addr);
  sockaddr_storage storage{};
  std::memcpy(&storage, &address, sizeof(address));
  return storage;
}

sockaddr_storage v6(const char* text) {
  sockaddr_in6 address{};
  address.sin6_family = AF_INET6;
  ::inet_pton(AF_INET6, text, &address.sin6_addr);
  sockaddr_storage storage{};
  std::memcpy(&storage, &address, sizeof(address));
  return storage;
}

const Network kAll4{.family = AF_INET, .address = std::string(4, '\0'), .prefix_bits = 0};
const Network kAll6{.family = AF_INET6, .address = std::string(16, '\0'), .prefix_bits = 0};
const Network kLoopback4{.family = AF_INET, .address = {'\x7f', 0, 0, 0}, .prefix_bits = 8};
const Network kLoopback6{.family = AF_INET6, .address = std::string(15, '\0') + '\1', .prefix_bits = 128};

// As npanel-agent.service is shipped, and with tcp.conf.
const Confinement kShipped{
    .only_these_families = true, .families = {"AF_UNIX", "AF_NETLINK"}, .denied = {kAll4, kAll6}};
const Confinement kOpened{.only_these_families = true,
                          .families = {"AF_UNIX", "AF_NETLINK", "AF_INET", "AF_INET6"},
                          .allowed = {kLoopback4, kLoopback6},
                          .denied = {kAll4, kAll6}};

TEST(Confinement, TheUnitAsItIsShippedListensNowhere) {
  EXPECT_EQ(forbids(kShipped, v4("127.0.0.1")), "RestrictAddressFamilies= without AF_INET");
  EXPECT_EQ(forbids(kShipped, v6("::1")), "RestrictAddressFamilies= without AF_INET6");
}

TEST(Confinement, TheDropInOpensTheLoopbackAndNothingElse) {
  EXPECT_EQ(forbids(kOpened, v4("127.0.0.1")), std::nullopt);
  EXPECT_EQ(forbids(kOpened, v4("127.1.2.3")), std::nullopt);
  EXPECT_EQ(forbids(kOpened, v6("::1")), std::nullopt);
  EXPECT_EQ(forbids(kOpened, v4("192.0.2.1")), "IPAddressDeny= without IPAddressAllow= for it");
  EXPECT_EQ(forbids(kOpened, v6("2001:db8::1")), "IPAddressDeny= without IPAddressAllow= for it");
  EXPECT_EQ(forbids(kOpened, v4("0.0.0.0")), std::nullopt) << "it is reached at the loopback";
}

TEST(Confinement, AUnitThatSaysNothingForbidsNothing) {
  EXPECT_EQ(forbids({}, v4("192.0.2.1")), std::nullopt);
  EXPECT_EQ(forbids({}, v6("::1")), std::nullopt);
}

TEST(Confinement, FamiliesMayBeNamedThatAreNotAllowed) {
  const Confinement unit{.only_these_families = false, .families = {"AF_INET"}};
  EXPECT_EQ(forbids(unit, v4("127.0.0.1")), "RestrictAddressFamilies= without AF_INET");
  EXPECT_EQ(forbids(unit, v6("::1")), std::nullopt);
}

TEST(Confinement, OneNetworkMayBeDenied) {
  const Confinement unit{.denied = {kLoopback4}};
  EXPECT_TRUE(forbids(unit, v4("127.0.0.1")));
  EXPECT_FALSE(forbids(unit, v4("192.0.2.1")));
}

}  // namespace
}  // namespace npanel
