// SPDX-License-Identifier: Apache-2.0
#include "kernel/socket_owner.h"

#include <arpa/inet.h>
#include <linux/inet_diag.h>
#include <linux/sock_diag.h>
#include <sys/socket.h>

#include <cstring>

#include "kernel/netlink.h"

namespace npanel {
namespace {

struct Question {
  nlmsghdr header;
  inet_diag_req_v2 request;
};

// AF_INET, AF_INET6, or 0 when it is no address. A mapped one is IPv4, as the kernel's sockets may be either.
int parse_address(const std::string& text, __be32 (&words)[4]) {
  constexpr std::string_view kMapped = "::ffff:";
  const std::string plain = text.starts_with(kMapped) ? text.substr(kMapped.size()) : text;
  if (::inet_pton(AF_INET, plain.c_str(), words) == 1) return AF_INET;
  return ::inet_pton(AF_INET6, text.c_str(), words) == 1 ? AF_INET6 : 0;
}

std::optional<SocketOwner> owner_in(std::string_view answer) {
  nlmsghdr header{};
  inet_diag_msg found{};
  if (answer.size() < NLMSG_HDRLEN + sizeof(found)) return std::nullopt;
  std::memcpy(&header, answer.data(), sizeof(header));
  if (header.nlmsg_type != SOCK_DIAG_BY_FAMILY) return std::nullopt;
  std::memcpy(&found, answer.data() + NLMSG_HDRLEN, sizeof(found));
  SocketOwner owner{.uid = std::nullopt, .cgroup_id = std::nullopt};
  if (found.idiag_inode != 0) owner.uid = found.idiag_uid;
  each_attribute(answer, sizeof(found), [&](__u16 type, std::string_view payload) {
    uint64_t id = 0;
    if (type != INET_DIAG_CGROUP_ID || payload.size() != sizeof(id)) return;
    std::memcpy(&id, payload.data(), sizeof(id));
    owner.cgroup_id = id;
  });
  return owner;
}

}  // namespace

Result<SocketOwners> SocketOwners::open() {
  auto netlink = open_netlink(NETLINK_SOCK_DIAG);
  if (!netlink) return std::unexpected(std::move(netlink.error()).within("sock_diag"));
  return SocketOwners(std::move(*netlink));
}

std::optional<SocketOwner> SocketOwners::find(const std::string& client_address, uint16_t client_port,
                                              const std::string& server_address, uint16_t server_port) const {
  Question question{};
  inet_diag_sockid& id = question.request.id;
  const int family = parse_address(client_address, id.idiag_src);
  if (family == 0 || parse_address(server_address, id.idiag_dst) != family) return std::nullopt;
  question.header.nlmsg_type = SOCK_DIAG_BY_FAMILY;
  question.request.sdiag_family = static_cast<__u8>(family);
  question.request.sdiag_protocol = IPPROTO_TCP;
  question.request.idiag_states = ~0U;
  id.idiag_sport = htons(client_port);
  id.idiag_dport = htons(server_port);
  id.idiag_cookie[0] = id.idiag_cookie[1] = INET_DIAG_NOCOOKIE;
  const auto answer = ask_netlink(netlink_, std::span(reinterpret_cast<char*>(&question), sizeof(question)));
  return answer ? owner_in(*answer) : std::nullopt;
}

}  // namespace npanel
