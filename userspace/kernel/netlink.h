// SPDX-License-Identifier: Apache-2.0
// netlink.h: what does the kernel answer to one question over netlink?
#pragma once

#include <linux/netlink.h>

#include <cstring>
#include <optional>
#include <span>
#include <string>

#include "base/result.h"
#include "base/unique_fd.h"

namespace npanel {

[[nodiscard]] Result<UniqueFd> open_netlink(int protocol);

// Sends one question, a nlmsghdr and what follows it, under a number of its own, and takes the answer with that number:
// one that is late is never taken for another question's. The kernel answers within send(), so this never waits;
// nullopt: there is no answer. An NLMSG_ERROR is one.
[[nodiscard]] std::optional<std::string> ask_netlink(const UniqueFd& netlink, std::span<char> question);

// Calls each(type, payload) for the attributes behind the first `fixed` bytes of an answer's body.
template <class Each>
void each_attribute(std::string_view answer, size_t fixed, Each each) {
  for (size_t at = NLMSG_HDRLEN + NLMSG_ALIGN(fixed); at + sizeof(nlattr) <= answer.size();) {
    nlattr attribute{};
    std::memcpy(&attribute, answer.data() + at, sizeof(attribute));
    if (attribute.nla_len < sizeof(attribute) || at + attribute.nla_len > answer.size()) return;
    each(attribute.nla_type, answer.substr(at + NLA_HDRLEN, attribute.nla_len - NLA_HDRLEN));
    at += NLA_ALIGN(attribute.nla_len);
  }
}

}  // namespace npanel
