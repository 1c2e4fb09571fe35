// SPDX-License-Identifier: Apache-2.0
#include "base/acceptor.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <unistd.h>

#include <thread>

#include "support/temp_dir.h"

namespace npanel {
namespace {

constexpr uid_t kNobody = 65534;

class AcceptorTest : public testing::Test {
 protected:
  AcceptorTest() {
    address_.sun_family = AF_UNIX;
    path_.copy(address_.sun_path, sizeof(address_.sun_path) - 1);
  }

  Acceptor listen(AcceptRules rules) {
    UniqueFd socket(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));  // blocking, as systemd's
    EXPECT_EQ(::bind(socket.get(), name(), sizeof(address_)), 0);
    EXPECT_EQ(::listen(socket.get(), 4096), 0);
    EXPECT_EQ(::chmod(path_.c_str(), 0666), 0);
    std::filesystem::permissions(std::filesystem::path(path_).parent_path(), std::filesystem::perms(0711));
    listening_ = UniqueFd(::fcntl(socket.get(), F_DUPFD_CLOEXEC, 3));  // systemd has it open, too
    std::vector<UniqueFd> sockets;
    sockets.push_back(std::move(socket));
    return Acceptor::listen(std::move(sockets), std::move(rules)).value();
  }
  std::vector<UniqueFd> connect(size_t count) {
    std::vector<UniqueFd> clients;
    for (size_t i = 0; i < count; ++i) {
      clients.emplace_back(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
      EXPECT_EQ(::connect(clients.back().get(), name(), sizeof(address_)), 0) << errno;
    }
    return clients;
  }
  // A thread may be another user by itself, as the kernel sees it.
  std::vector<UniqueFd> connect_as_nobody(size_t count) {
    std::vector<UniqueFd> clients;
    std::thread([&] {
      if (::geteuid() == 0) EXPECT_EQ(::syscall(SYS_setresuid, -1, kNobody, -1), 0);
      clients = connect(count);
    }).join();
    return clients;
  }
  static uid_t nobody() { return ::geteuid() == 0 ? kNobody : ::geteuid(); }
  static bool readable(const Acceptor& acceptor) {
    pollfd waiting{.fd = acceptor.epoll_fd(), .events = POLLIN, .revents = 0};
    return ::poll(&waiting, 1, 0) == 1;
  }
  static bool is_closed(const UniqueFd& client) {
    char byte = 0;
    return ::recv(client.get(), &byte, 1, MSG_DONTWAIT) == 0;
  }

  const TempDir dir_;
  const std::string path_ = dir_.path("a.sock");
  sockaddr_un address_{};
  UniqueFd listening_;

 private:
  const sockaddr* name() const { return reinterpret_cast<const sockaddr*>(&address_); }
};

TEST_F(AcceptorTest, TakesAFewATurnAndSaysThatMoreWait) {
  Acceptor acceptor = listen({});
  const auto clients = connect(2 * Acceptor::kAtOnce + 1);
  for (const size_t taken : {Acceptor::kAtOnce, Acceptor::kAtOnce, size_t{1}}) {
    EXPECT_TRUE(readable(acceptor));
    EXPECT_EQ(acceptor.accept().size(), taken);
  }
  EXPECT_FALSE(readable(acceptor));
}

TEST_F(AcceptorTest, HangsUpOnStrangersAFewATurn) {
  Acceptor acceptor = listen({.may_come = std::set<uid_t>{}});
  const auto clients = connect_as_nobody(Acceptor::kAtOnce + 1);
  EXPECT_TRUE(acceptor.accept().empty());
  EXPECT_EQ(acceptor.figures().strangers, Acceptor::kAtOnce);
  EXPECT_EQ(acceptor.figures().connections, 0u);
  EXPECT_TRUE(is_closed(clients.front()));
  EXPECT_TRUE(readable(acceptor));
  acceptor.set_may_come({nobody()});
  const auto last = acceptor.accept();
  ASSERT_EQ(last.size(), 1u);
  EXPECT_EQ(last.front().uid, nobody());
}

TEST_F(AcceptorTest, OneUserHasOneShareAndNoMore) {
  Acceptor acceptor = listen({.connections_most = 10, .connections_of_uid_most = 2});
  const auto clients = connect_as_nobody(5);
  EXPECT_EQ(acceptor.accept().size(), 2u);
  EXPECT_EQ(acceptor.figures().over_share, 3u);
  EXPECT_TRUE(is_closed(clients.back()));
  acceptor.ended(nobody());
  const auto again = connect_as_nobody(2);
  EXPECT_EQ(acceptor.accept().size(), 1u);
}

// The agent's own check and the watchdog come as root.
TEST_F(AcceptorTest, WhatIsKeptForRootNobodyElseGets) {
  Acceptor acceptor = listen({.connections_most = 4, .connections_of_uid_most = 4, .kept_for_root = 2});
  const auto clients = connect_as_nobody(4);
  EXPECT_EQ(acceptor.accept().size(), 2U);
  EXPECT_EQ(acceptor.figures().over_share, 2U);
  const auto root = connect(3);
  EXPECT_EQ(acceptor.accept().size(), 2U);
  acceptor.ended(nobody());
  EXPECT_EQ(acceptor.accept().size(), 1U) << "and root may have all";
}

TEST_F(AcceptorTest, WithoutRoomItListensNoMoreUntilSomebodyEnds) {
  Acceptor acceptor = listen({.connections_most = 2});
  const auto clients = connect(4);
  EXPECT_EQ(acceptor.accept().size(), 2u);
  EXPECT_FALSE(readable(acceptor)) << "the loop would turn without end";
  EXPECT_TRUE(acceptor.accept().empty());
  EXPECT_EQ(acceptor.timeout_ms(), std::nullopt);
  acceptor.ended(0);
  EXPECT_TRUE(readable(acceptor));
  EXPECT_EQ(acceptor.accept().size(), 1u);
}

TEST_F(AcceptorTest, ClosedItLeavesTheSocketToWhoeverElseHasIt) {
  Acceptor acceptor = listen({});
  acceptor.close();
  const auto clients = connect(1);
  EXPECT_FALSE(readable(acceptor));
  EXPECT_TRUE(acceptor.accept().empty());
  const UniqueFd next(::accept4(listening_.get(), nullptr, nullptr, SOCK_CLOEXEC));
  EXPECT_TRUE(next.valid());
}

}  // namespace
}  // namespace npanel
