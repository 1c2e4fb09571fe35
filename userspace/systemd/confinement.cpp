// SPDX-License-Identifier: Apache-2.0
#include "systemd/confinement.h"

#include <netinet/in.h>

#include <algorithm>
#include <cstring>
#include <string_view>

namespace npanel {
namespace {

constexpr uint32_t kByte = 8;

std::string bytes_of(const sockaddr_storage& address) {
  if (address.ss_family == AF_INET6) {
    sockaddr_in6 v6{};
    std::memcpy(&v6, &address, sizeof(v6));
    return {reinterpret_cast<const char*>(&v6.sin6_addr), sizeof(v6.sin6_addr)};
  }
  sockaddr_in v4{};
  std::memcpy(&v4, &address, sizeof(v4));
  return {reinterpret_cast<const char*>(&v4.sin_addr), sizeof(v4.sin_addr)};
}

bool contains(const Network& network, int family, std::string_view address) {
  if (network.family != family || network.address.size() != address.size()) return false;
  for (uint32_t bit = 0; bit < std::min<uint32_t>(network.prefix_bits, static_cast<uint32_t>(address.size()) * kByte);
       ++bit) {
    const auto differ = static_cast<unsigned char>(network.address[bit / kByte] ^ address[bit / kByte]);
    if ((differ & (0x80U >> (bit % kByte))) != 0) return false;
  }
  return true;
}

}  // namespace

std::optional<std::string> forbids(const Confinement& unit, const sockaddr_storage& address) {
  const std::string family = address.ss_family == AF_INET6 ? "AF_INET6" : "AF_INET";
  if (unit.families.contains(family) != unit.only_these_families) return "RestrictAddressFamilies= without " + family;
  const std::string bytes = bytes_of(address);
  // Who listens at all addresses is reached at whatever is allowed.
  const bool any = std::ranges::all_of(bytes, [](char byte) { return byte == 0; });
  const auto covers = [&](const Network& network) {
    return contains(network, address.ss_family, bytes) || (any && network.family == address.ss_family);
  };
  const bool denied = std::ranges::any_of(
      unit.denied, [&](const Network& network) { return contains(network, address.ss_family, bytes); });
  if (denied && std::ranges::none_of(unit.allowed, covers)) return "IPAddressDeny= without IPAddressAllow= for it";
  return std::nullopt;
}

}  // namespace npanel
