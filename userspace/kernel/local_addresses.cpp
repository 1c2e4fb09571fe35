// SPDX-License-Identifier: Apache-2.0
#include "kernel/local_addresses.h"

#include <linux/rtnetlink.h>
#include <sys/socket.h>

#include <algorithm>
#include <cstring>

#include "kernel/netlink.h"

namespace npanel {
namespace {

constexpr size_t kMappedBytes = 12;  // of ::ffff:192.0.2.1, before the IPv4 address

bool is_ipv4(const NetAddress& address) {
  constexpr std::array<__u8, kMappedBytes> kMapped = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};
  return std::ranges::equal(kMapped, std::span(address).first<kMappedBytes>());
}

// Whatever the routes say, or where there is no IPv6.
bool is_loopback(const NetAddress& address) {
  constexpr __u8 kLoopbackNet = 127;
  constexpr NetAddress kLoopback6 = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1};
  return is_ipv4(address) ? address[kMappedBytes] == kLoopbackNet : address == kLoopback6;
}

struct Question {
  nlmsghdr header{};
  rtmsg route{};
  nlattr attribute{};
  NetAddress destination{};
};

}  // namespace

Result<LocalAddresses> LocalAddresses::open() {
  return LocalAddresses(NP_TRY(open_netlink(NETLINK_ROUTE)));
}

// "ip route get": whether there is a way to the address does not matter, only whether it ends here.
std::optional<bool> LocalAddresses::contains(const NetAddress& address) const {
  if (is_loopback(address)) return true;
  const size_t from = is_ipv4(address) ? kMappedBytes : 0;
  const size_t length = address.size() - from;
  Question question;
  question.header.nlmsg_type = RTM_GETROUTE;
  question.route.rtm_family = from == 0 ? AF_INET6 : AF_INET;
  question.route.rtm_dst_len = static_cast<unsigned char>(length * 8);
  question.attribute = {.nla_len = static_cast<__u16>(NLA_HDRLEN + length), .nla_type = RTA_DST};
  std::copy_n(address.begin() + static_cast<std::ptrdiff_t>(from), length, question.destination.begin());
  const size_t size = offsetof(Question, destination) + length;
  const auto answer = ask_netlink(netlink_, std::span(reinterpret_cast<char*>(&question), size));
  if (!answer) return std::nullopt;
  nlmsghdr header{};
  std::memcpy(&header, answer->data(), sizeof(header));
  if (header.nlmsg_type == NLMSG_ERROR) {
    nlmsgerr error{};
    if (answer->size() < NLMSG_HDRLEN + sizeof(error)) return std::nullopt;
    std::memcpy(&error, answer->data() + NLMSG_HDRLEN, sizeof(error));
    const bool no_way = error.error == -ENETUNREACH || error.error == -EHOSTUNREACH || error.error == -EACCES ||
                        error.error == -EINVAL;  // blackhole, prohibit: the kernel has looked, and it is elsewhere
    return no_way ? std::optional(false) : std::nullopt;
  }
  rtmsg route{};
  if (header.nlmsg_type != RTM_NEWROUTE || answer->size() < NLMSG_HDRLEN + sizeof(route)) return std::nullopt;
  std::memcpy(&route, answer->data() + NLMSG_HDRLEN, sizeof(route));
  return route.rtm_type == RTN_LOCAL;
}

}  // namespace npanel
