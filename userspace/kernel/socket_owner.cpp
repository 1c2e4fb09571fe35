// SPDX-License-Identifier: Apache-2.0
#include "kernel/socket_owner.h"

#include <arpa/inet.h>
#include <linux/inet_diag.h>
#include <linux/netlink.h>
#include <linux/sock_diag.h>
#include <sys/socket.h>
#include <sys/time.h>

#include <array>
#include <cstring>

namespace npanel {
namespace {

constexpr suseconds_t kAnswerUs = 200'000;  // the kernel answers at once
constexpr size_t kAnswerMost = 8192;

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

std::optional<SocketOwner> owner_in(const char* bytes, size_t size) {
  nlmsghdr header{};
  inet_diag_msg found{};
  if (size < NLMSG_HDRLEN + sizeof(found)) return std::nullopt;
  std::memcpy(&header, bytes, sizeof(header));
  if (header.nlmsg_type != SOCK_DIAG_BY_FAMILY || header.nlmsg_len > size) return std::nullopt;
  std::memcpy(&found, bytes + NLMSG_HDRLEN, sizeof(found));
  SocketOwner owner{.uid = found.idiag_uid, .cgroup_id = std::nullopt};
  for (size_t at = NLMSG_HDRLEN + NLMSG_ALIGN(sizeof(found)); at + sizeof(nlattr) <= header.nlmsg_len;) {
    nlattr attribute{};
    std::memcpy(&attribute, bytes + at, sizeof(attribute));
    if (attribute.nla_len < sizeof(attribute) || at + attribute.nla_len > header.nlmsg_len) break;
    uint64_t id = 0;
    if (attribute.nla_type == INET_DIAG_CGROUP_ID && attribute.nla_len == NLA_HDRLEN + sizeof(id)) {
      std::memcpy(&id, bytes + at + NLA_HDRLEN, sizeof(id));
      owner.cgroup_id = id;
    }
    at += NLA_ALIGN(attribute.nla_len);
  }
  return owner;
}

}  // namespace

Result<SocketOwners> SocketOwners::open() {
  UniqueFd netlink(::socket(AF_NETLINK, SOCK_DGRAM | SOCK_CLOEXEC, NETLINK_SOCK_DIAG));
  if (!netlink.valid()) return errno_failure("open sock_diag", errno);
  const timeval most{.tv_sec = 0, .tv_usec = kAnswerUs};
  ::setsockopt(netlink.get(), SOL_SOCKET, SO_RCVTIMEO, &most, sizeof(most));
  return SocketOwners(std::move(netlink));
}

std::optional<SocketOwner> SocketOwners::find(const std::string& client_address, uint16_t client_port,
                                              const std::string& server_address, uint16_t server_port) const {
  Question question{};
  inet_diag_sockid& id = question.request.id;
  const int family = parse_address(client_address, id.idiag_src);
  if (family == 0 || parse_address(server_address, id.idiag_dst) != family) return std::nullopt;
  question.header.nlmsg_len = sizeof(question);
  question.header.nlmsg_type = SOCK_DIAG_BY_FAMILY;
  question.header.nlmsg_flags = NLM_F_REQUEST;
  question.request.sdiag_family = static_cast<__u8>(family);
  question.request.sdiag_protocol = IPPROTO_TCP;
  question.request.idiag_states = ~0U;
  id.idiag_sport = htons(client_port);
  id.idiag_dport = htons(server_port);
  id.idiag_cookie[0] = id.idiag_cookie[1] = INET_DIAG_NOCOOKIE;
  std::array<char, kAnswerMost> answer{};
  if (::send(netlink_.get(), &question, sizeof(question), 0) < 0) return std::nullopt;
  const ssize_t got = ::recv(netlink_.get(), answer.data(), answer.size(), 0);
  return got < 0 ? std::nullopt : owner_in(answer.data(), static_cast<size_t>(got));
}

}  // namespace npanel
