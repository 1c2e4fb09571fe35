// SPDX-License-Identifier: Apache-2.0
#include "kernel/local_addresses.h"

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <ifaddrs.h>

#include <cstring>

namespace npanel {
namespace {

// Every IPv4 and IPv6 address of an interface that is up.
std::vector<std::string> own_addresses() {
  std::vector<std::string> found;
  ifaddrs* all = nullptr;
  if (::getifaddrs(&all) != 0) return found;
  for (const ifaddrs* each = all; each; each = each->ifa_next) {
    std::array<char, INET6_ADDRSTRLEN> text{};
    if (!each->ifa_addr) continue;
    sockaddr_in6 address6{};
    sockaddr_in address4{};
    if (each->ifa_addr->sa_family == AF_INET) {
      std::memcpy(&address4, each->ifa_addr, sizeof(address4));
      ::inet_ntop(AF_INET, &address4.sin_addr, text.data(), text.size());
    } else if (each->ifa_addr->sa_family == AF_INET6) {
      std::memcpy(&address6, each->ifa_addr, sizeof(address6));
      ::inet_ntop(AF_INET6, &address6.sin6_addr, text.data(), text.size());
    } else {
      continue;
    }
    found.emplace_back(text.data());
  }
  ::freeifaddrs(all);
  return found;
}

TEST(LocalAddresses, AreAllOfLoopbackAndOfEveryInterface) {
  const auto addresses = LocalAddresses::open();
  ASSERT_TRUE(addresses) << addresses.error().text;
  std::vector<std::string> own = own_addresses();
  own.insert(own.end(), {"127.0.0.1", "127.9.9.9", "::1", "::ffff:127.0.0.1"});
  for (const std::string& text : own) {
    const auto address = parse_net_address(text);
    ASSERT_TRUE(address) << text;
    EXPECT_EQ(addresses->contains(*address), true) << text;
  }
}

TEST(LocalAddresses, OfOtherHostsAreNot) {
  const auto addresses = LocalAddresses::open();
  ASSERT_TRUE(addresses) << addresses.error().text;
  for (const char* text : {"203.0.113.9", "::ffff:198.51.100.1", "2001:db8::9"})
    EXPECT_EQ(addresses->contains(*parse_net_address(text)), false) << text;
}

}  // namespace
}  // namespace npanel
