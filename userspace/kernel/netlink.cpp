// SPDX-License-Identifier: Apache-2.0
#include "kernel/netlink.h"

#include <sys/socket.h>

#include <array>
#include <atomic>

namespace npanel {
namespace {

constexpr size_t kAnswerMost = 8192;

}  // namespace

Result<UniqueFd> open_netlink(int protocol) {
  UniqueFd netlink(::socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, protocol));
  if (!netlink.valid()) return errno_failure("open netlink", errno);
  return netlink;
}

std::optional<std::string> ask_netlink(const UniqueFd& netlink, std::span<char> question) {
  static std::atomic<__u32> last_number = 0;
  nlmsghdr header{};
  if (question.size() < sizeof(header)) return std::nullopt;
  std::memcpy(&header, question.data(), sizeof(header));
  header.nlmsg_len = static_cast<__u32>(question.size());
  header.nlmsg_flags = NLM_F_REQUEST;
  const __u32 number = header.nlmsg_seq = ++last_number;
  std::memcpy(question.data(), &header, sizeof(header));
  if (::send(netlink.get(), question.data(), question.size(), 0) < 0) return std::nullopt;
  std::array<char, kAnswerMost> answer{};
  for (ssize_t got; (got = ::recv(netlink.get(), answer.data(), answer.size(), 0)) >= 0;) {
    if (static_cast<size_t>(got) < sizeof(header)) continue;
    std::memcpy(&header, answer.data(), sizeof(header));
    if (header.nlmsg_seq == number && header.nlmsg_len <= static_cast<size_t>(got))
      return std::string(answer.data(), header.nlmsg_len);
  }
  return std::nullopt;
}

}  // namespace npanel
