// SPDX-License-Identifier: Apache-2.0
#include "kernel/socket_owner.h"

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>

namespace npanel {
namespace {

constexpr const char* kLoopback = "127.0.0.1";

uint16_t port_of(const UniqueFd& socket) {
  sockaddr_in address{};
  socklen_t length = sizeof(address);
  EXPECT_EQ(::getsockname(socket.get(), reinterpret_cast<sockaddr*>(&address), &length), 0);
  return ntohs(address.sin_port);
}

class SocketOwnerTest : public testing::Test {
 protected:
  SocketOwnerTest() {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    ::inet_pton(AF_INET, kLoopback, &address.sin_addr);
    EXPECT_EQ(::bind(server_.get(), reinterpret_cast<sockaddr*>(&address), sizeof(address)), 0);
    EXPECT_EQ(::listen(server_.get(), 1), 0);
    address.sin_port = htons(port_of(server_));
    EXPECT_EQ(::connect(client_.get(), reinterpret_cast<sockaddr*>(&address), sizeof(address)), 0);
    accepted_ = UniqueFd(::accept(server_.get(), nullptr, nullptr));
    client_port_ = port_of(client_);
    server_port_ = port_of(server_);
  }
  std::optional<SocketOwner> find() {
    const auto owners = SocketOwners::open();
    EXPECT_TRUE(owners) << owners.error().text;
    return owners->find(kLoopback, client_port_, kLoopback, server_port_);
  }

  UniqueFd server_{::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)};
  UniqueFd client_{::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)};
  UniqueFd accepted_;
  uint16_t client_port_ = 0;
  uint16_t server_port_ = 0;
};

TEST_F(SocketOwnerTest, IsWhoHoldsTheSocket) {
  const auto owner = find();
  ASSERT_TRUE(owner);
  EXPECT_EQ(owner->uid, ::getuid());
}

// sock_diag says uid 0 of a socket that no process holds any more: that must not be root.
TEST_F(SocketOwnerTest, OfASocketThatWasClosedIsNoUser) {
  const linger wait{.l_onoff = 0, .l_linger = 0};
  ::setsockopt(client_.get(), SOL_SOCKET, SO_LINGER, &wait, sizeof(wait));
  client_ = UniqueFd();  // FIN-WAIT-2: the other side has not closed
  const auto owner = find();
  if (owner) EXPECT_EQ(owner->uid, std::nullopt);
  accepted_ = UniqueFd();  // TIME-WAIT
  const auto gone = find();
  if (gone) EXPECT_EQ(gone->uid, std::nullopt);
}

TEST_F(SocketOwnerTest, OfAnUnknownConnectionIsNobody) {
  const auto owners = SocketOwners::open();
  ASSERT_TRUE(owners);
  EXPECT_FALSE(owners->find(kLoopback, 1, kLoopback, server_port_));
  EXPECT_FALSE(owners->find("unknown", client_port_, kLoopback, server_port_));
  EXPECT_FALSE(owners->find("::1", client_port_, kLoopback, server_port_));
}

}  // namespace
}  // namespace npanel
