// SPDX-License-Identifier: Apache-2.0
// port_of.h: which port did a socket that asked for any get?
#pragma once

#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include "base/unique_fd.h"

namespace npanel {

inline uint16_t port_of(const UniqueFd& socket) {
  sockaddr_in address{};
  socklen_t bytes = sizeof(address);
  EXPECT_EQ(::getsockname(socket.get(), reinterpret_cast<sockaddr*>(&address), &bytes), 0);
  return ntohs(address.sin_port);
}

}  // namespace npanel
