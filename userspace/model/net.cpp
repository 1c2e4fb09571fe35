// SPDX-License-Identifier: Apache-2.0
#include "model/net.h"

#include <arpa/inet.h>

#include <algorithm>
#include <optional>
#include <span>
#include <string>

#include "base/parse.h"

namespace npanel {
namespace {

constexpr uint32_t kBits = 128;
constexpr uint32_t kMappedBits = 96;  // of ::ffff:0:0/96
constexpr uint32_t kBitsAByte = 8;

// All 16 bytes, IPv4 mapped; how many bits of it the notation leaves out.
std::optional<uint32_t> parse_address(const std::string& text, std::span<__u8, 16> bytes) {
  if (::inet_pton(AF_INET6, text.c_str(), bytes.data()) == 1) return 0;
  std::ranges::fill(bytes, __u8{0});
  bytes[10] = bytes[11] = 0xff;
  if (::inet_pton(AF_INET, text.c_str(), bytes.data() + 12) == 1) return kMappedBits;
  return std::nullopt;
}

bool same_bits(std::span<const __u8, 16> one, std::span<const __u8, 16> other, uint32_t bits) {
  for (uint32_t bit = 0; bit < bits; ++bit)
    if (((one[bit / kBitsAByte] ^ other[bit / kBitsAByte]) >> (kBitsAByte - 1 - bit % kBitsAByte)) & 1) return false;
  return true;
}

bool is_zero_behind(std::span<const __u8, 16> bytes, uint32_t prefix) {
  for (uint32_t bit = prefix; bit < kBits; ++bit)
    if ((bytes[bit / kBitsAByte] >> (kBitsAByte - 1 - bit % kBitsAByte)) & 1) return false;
  return true;
}

}  // namespace

Result<np_smtp_net> parse_net(std::string_view text) {
  const auto wanted = [&](const std::string& what) {
    return failure("must be an address or a network, 192.0.2.0/24 or 2001:db8::/32" + what);
  };
  const size_t slash = text.find('/');
  np_smtp_net net{};
  const auto left_out = parse_address(std::string(text.substr(0, slash)), net.address);
  if (!left_out) return wanted("");
  net.prefix = kBits;
  if (slash != std::string_view::npos) {
    const auto prefix = parse_u64(text.substr(slash + 1));
    if (!prefix || *prefix > kBits - *left_out) return wanted("");
    net.prefix = static_cast<__u32>(*prefix) + *left_out;
  }
  if (!is_zero_behind(net.address, net.prefix)) return wanted(", with nothing but 0 behind the prefix");
  return net;
}

std::optional<NetAddress> parse_net_address(std::string_view text) {
  if (text.find('\0') != std::string_view::npos) return std::nullopt;
  NetAddress address{};
  if (!parse_address(std::string(text.substr(0, text.find('%'))), address)) return std::nullopt;
  return address;
}

bool contains(const np_smtp_net& net, const NetAddress& address) {
  return same_bits(net.address, address, net.prefix);
}

bool overlap(const np_smtp_net& one, const np_smtp_net& other) {
  return same_bits(one.address, other.address, std::min(one.prefix, other.prefix));
}

}  // namespace npanel
