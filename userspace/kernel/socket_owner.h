// SPDX-License-Identifier: Apache-2.0
// socket_owner.h: whose process on this host has made this TCP socket, which still exists?
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <optional>
#include <string>

#include "base/result.h"
#include "base/unique_fd.h"

namespace npanel {

struct SocketOwner {
  // Who made the socket. nullopt: no process holds it any more (FIN-WAIT, TIME-WAIT), and then sock_diag says 0, which
  // would be root.
  std::optional<uid_t> uid;
  std::optional<uint64_t> cgroup_id;  // where it was made; outlives the process, but for TIME-WAIT
};

// sock_diag(7). The kernel says so, the client has no say in it.
class SocketOwners {
 public:
  static Result<SocketOwners> open();
  // Of the client's end; nullopt when there is no such connection on this host, or the addresses are none.
  [[nodiscard]] std::optional<SocketOwner> find(const std::string& client_address, uint16_t client_port,
                                                const std::string& server_address, uint16_t server_port) const;

 private:
  explicit SocketOwners(UniqueFd netlink) : netlink_(std::move(netlink)) {}
  UniqueFd netlink_;
};

}  // namespace npanel
