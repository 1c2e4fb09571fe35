// SPDX-License-Identifier: Apache-2.0
// Who opened a connection to the MTA: known whatever becomes of the client's socket.
#include <sys/socket.h>

#include "kernel/connection_opener.h"
#include "mail_fixture.h"

namespace npanel {
namespace {

constexpr uint16_t kSubmission = 587;
constexpr uid_t kStranger = 33333;

// What a client does with its connection before the MTA asks.
enum class End { keep, close, reset, orphan, disconnect };

class OpenerKernel : public MailKernel {
 protected:
  void SetUp() override {
    MailKernel::SetUp();
    watch();
  }
  void watch(std::vector<uint16_t> ports = {kSmtp, kSmtps}) {
    openers_.reset();
    auto openers = ConnectionOpeners::attach({.cgroup_fd = sandbox_.tree().fd(),
                                              .account_level = sandbox_.tree().account_level(),
                                              .pin_dir = sandbox_.pin_dir(),
                                              .ports = std::move(ports)});
    ASSERT_TRUE(openers) << openers.error().text;
    openers_.emplace(std::move(*openers));
  }

  // The client's port of a connection from `place`; 0: it was not made.
  static uint16_t connect_from(const Place& place, const char* address, uint16_t port, End end = End::close) {
    const auto made = run_in(place, [&] {
      socklen_t length = 0;
      const sockaddr_storage to = address_of({address, port}, length);
      UniqueFd socket(::socket(to.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0));
      if (::connect(socket.get(), reinterpret_cast<const sockaddr*>(&to), length) != 0) return std::vector{0};
      sockaddr_in6 own{};
      socklen_t size = sizeof(own);
      ::getsockname(socket.get(), reinterpret_cast<sockaddr*>(&own), &size);
      const linger at_once{.l_onoff = 1, .l_linger = 0};
      const sockaddr none{.sa_family = AF_UNSPEC, .sa_data = {}};
      if (end == End::reset) ::setsockopt(socket.get(), SOL_SOCKET, SO_LINGER, &at_once, sizeof(at_once));
      if (end == End::orphan && ::send(socket.get(), "QUIT\r\n", 6, 0) != 6) return std::vector{0};
      if (end == End::disconnect && ::connect(socket.get(), &none, sizeof(none)) != 0) return std::vector{0};
      return std::vector{static_cast<int>(ntohs(own.sin6_port))};  // at the same place for IPv4
    });
    return made.empty() ? 0 : static_cast<uint16_t>(made.front());
  }

  [[nodiscard]] std::optional<Opener> opener(const char* address, uint16_t client, uint16_t server = kSmtp) const {
    return openers_->find(parse_connection(address, client, address, server).value());
  }

  std::optional<ConnectionOpeners> openers_;
};

TEST_F(OpenerKernel, IsKnownHoweverTheClientEndsItsConnection) {
  for (const End end : {End::keep, End::close, End::reset, End::orphan, End::disconnect}) {
    const uint16_t port = connect_from({&cgroup_, kBobUid}, "127.0.0.1", kSmtp, end);
    ASSERT_NE(port, 0);
    const auto found = opener("127.0.0.1", port);
    ASSERT_TRUE(found) << static_cast<int>(end);
    EXPECT_EQ(found->slot, bob_.slot);
    EXPECT_EQ(found->uid, kBobUid);
  }
}

TEST_F(OpenerKernel, IsTheAccountByCgroupByACgroupBelowItAndByUid) {
  ASSERT_EQ(::mkdirat(cgroup_.fd(), "site", 0755), 0);
  const Cgroup site = Cgroup::open(cgroup_.fd(), "site").value();
  const Cgroup outside = sandbox_.tree().find_or_make("outside").value();
  for (const Place& place : {Place{&cgroup_, kStranger}, Place{&site, kStranger}, Place{&outside, kBobUid}}) {
    const auto found = opener("127.0.0.1", connect_from(place, "127.0.0.1", kSmtp));
    ASSERT_TRUE(found);
    EXPECT_EQ(found->slot, bob_.slot);
  }
}

TEST_F(OpenerKernel, ReadsIpv6AndMappedAddresses) {
  const uint16_t six = connect_from({&cgroup_, kBobUid}, "::1", kSmtp);
  ASSERT_TRUE(opener("::1", six));
  EXPECT_EQ(opener("::1", six)->slot, bob_.slot);
  const uint16_t mapped = connect_from({&cgroup_, kBobUid}, "::ffff:127.0.0.1", kSmtps);
  ASSERT_TRUE(opener("127.0.0.1", mapped, kSmtps));
  EXPECT_EQ(opener("127.0.0.1", mapped, kSmtps)->slot, bob_.slot);
  EXPECT_EQ(opener("::ffff:127.0.0.1", mapped, kSmtps)->slot, bob_.slot) << "either way of writing it";
}

TEST_F(OpenerKernel, ProcessOfThisHostThatNoAccountOwnsIsToldApartFromNoProcess) {
  const Cgroup outside = sandbox_.tree().find_or_make("outside").value();
  const uint16_t port = connect_from({&outside, kStranger}, "127.0.0.1", kSmtp);
  const auto found = opener("127.0.0.1", port);
  ASSERT_TRUE(found);
  EXPECT_EQ(found->slot, std::nullopt);
  EXPECT_EQ(found->uid, kStranger);
  EXPECT_FALSE(opener("192.0.2.1", port));
  EXPECT_FALSE(opener("127.0.0.1", port, kSmtps));
}

TEST_F(OpenerKernel, WhoConnectsAnewFromTheSamePortIsTheOpener) {
  const Cgroup outside = sandbox_.tree().find_or_make("outside").value();
  const auto connect_by = [&](const Place& place) {
    return run_in(place, [] {
             socklen_t length = 0;
             const sockaddr_storage to = address_of({"127.0.0.1", kSmtp}, length);
             const sockaddr_storage from = address_of({"127.0.0.1", 40001}, length);
             const UniqueFd socket(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
             const int on = 1;
             const linger at_once{.l_onoff = 1, .l_linger = 0};
             ::setsockopt(socket.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
             ::setsockopt(socket.get(), SOL_SOCKET, SO_LINGER, &at_once, sizeof(at_once));
             if (::bind(socket.get(), reinterpret_cast<const sockaddr*>(&from), length) != 0) return std::vector{errno};
             return std::vector{::connect(socket.get(), reinterpret_cast<const sockaddr*>(&to), length)};
           }) == std::vector{0};
  };
  ASSERT_TRUE(connect_by({&cgroup_, kBobUid}));
  EXPECT_EQ(opener("127.0.0.1", 40001)->slot, bob_.slot);
  ASSERT_TRUE(connect_by({&outside, kStranger}));
  EXPECT_EQ(opener("127.0.0.1", 40001)->slot, std::nullopt);
}

TEST_F(OpenerKernel, ConnectionOfADeletedAccountIsNotItsSuccessors) {
  const uint16_t port = connect_from({&cgroup_, kBobUid}, "127.0.0.1", kSmtp);
  ASSERT_EQ(opener("127.0.0.1", port)->slot, bob_.slot);
  ASSERT_TRUE(programs_->remove(bob_, cgroup_.id().value()));
  ASSERT_TRUE(programs_->reset(bob_.slot));  // somebody else has the slot now
  EXPECT_EQ(opener("127.0.0.1", port)->slot, std::nullopt);
}

TEST_F(OpenerKernel, KnowsUidsOfAUserNamespace) {
  const Cgroup outside = sandbox_.tree().find_or_make("outside").value();
  ASSERT_TRUE(programs_->identity.set_subuids(
      {{.slot = bob_.slot, .ranges = {{.user = "bob", .first = 100000, .count = 65536}}}}));
  for (const uid_t uid : {100000U, 123456U, 165535U}) {
    const auto found = opener("127.0.0.1", connect_from({&outside, uid}, "127.0.0.1", kSmtp));
    ASSERT_TRUE(found);
    EXPECT_EQ(found->slot, bob_.slot) << uid;
  }
  EXPECT_EQ(programs_->identity.slot_of_user(123456), bob_.slot);
  EXPECT_EQ(programs_->identity.slot_of_user(kBobUid), bob_.slot);
  EXPECT_EQ(programs_->identity.slot_of_user(99999), std::nullopt);
  for (const uid_t uid : {99999U, 165536U})
    EXPECT_EQ(opener("127.0.0.1", connect_from({&outside, uid}, "127.0.0.1", kSmtp))->slot, std::nullopt) << uid;
  ASSERT_TRUE(programs_->identity.set_subuids({}));
  EXPECT_EQ(opener("127.0.0.1", connect_from({&outside, 123456}, "127.0.0.1", kSmtp))->slot, std::nullopt);
}

TEST_F(OpenerKernel, IsRememberedOverARestartAndWithOtherPorts) {
  const uint16_t port = connect_from({&cgroup_, kBobUid}, "127.0.0.1", kSmtp);
  attach();
  watch({kSubmission});
  ASSERT_TRUE(opener("127.0.0.1", port));
  EXPECT_EQ(opener("127.0.0.1", port)->slot, bob_.slot);
  const uint16_t later = connect_from({&cgroup_, kBobUid}, "127.0.0.1", kSmtp);
  EXPECT_FALSE(opener("127.0.0.1", later)) << "port 25 is none of the ports any more";
}

TEST_F(OpenerKernel, PortsAndAddressesThatAreNoneAreNoConnection) {
  EXPECT_FALSE(parse_connection("unknown", 1, "127.0.0.1", kSmtp));
  EXPECT_FALSE(parse_connection("127.0.0.1", 0, "127.0.0.1", kSmtp));
  EXPECT_FALSE(parse_connection("127.0.0.1", 1, "127.0.0.1", 0));
  EXPECT_FALSE(parse_connection("127.0.0.1", 1, "", kSmtp));
}

}  // namespace
}  // namespace npanel
