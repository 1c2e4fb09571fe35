// SPDX-License-Identifier: Apache-2.0
#include "daemon/config_address.h"

#include <arpa/inet.h>
#include <netinet/in.h>

#include <cstring>
#include <string>

#include "base/parse.h"

namespace npanel {
namespace {

// sockaddr_storage is made to be read as the one that its family names.
template <class Address>
sockaddr_storage stored(const Address& address) {
  sockaddr_storage storage{};
  std::memcpy(&storage, &address, sizeof(address));
  return storage;
}

}  // namespace

std::optional<sockaddr_storage> parse_listen(std::string_view text) {
  const auto colon = text.rfind(':');
  if (colon == std::string_view::npos) return std::nullopt;
  const auto port = parse_u64(text.substr(colon + 1));
  if (!port || *port < 1 || *port > 65535) return std::nullopt;
  std::string host(text.substr(0, colon));
  if (host.find('\0') != std::string::npos) return std::nullopt;  // inet_pton() would stop there
  const in_port_t wire_port = htons(static_cast<uint16_t>(*port));
  if (host.starts_with('[') && host.ends_with(']')) {
    sockaddr_in6 address{};
    address.sin6_family = AF_INET6;
    address.sin6_port = wire_port;
    host = host.substr(1, host.size() - 2);
    if (::inet_pton(AF_INET6, host.c_str(), &address.sin6_addr) != 1) return std::nullopt;
    return stored(address);
  }
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = wire_port;
  if (::inet_pton(AF_INET, host.c_str(), &address.sin_addr) != 1) return std::nullopt;
  return stored(address);
}

bool is_loopback(const sockaddr_storage& address) {
  if (address.ss_family == AF_INET6) {
    sockaddr_in6 v6{};
    std::memcpy(&v6, &address, sizeof(v6));
    return IN6_IS_ADDR_LOOPBACK(&v6.sin6_addr);
  }
  sockaddr_in v4{};
  std::memcpy(&v4, &address, sizeof(v4));
  return ntohl(v4.sin_addr.s_addr) >> 24U == IN_LOOPBACKNET;
}

}  // namespace npanel
