// SPDX-License-Identifier: Apache-2.0
// The mail budget, the way to the local MTA and the exemptions on this very kernel.
#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <thread>

#include "kernel/smtp_guard.h"
#include "kernel/socket_owner.h"
#include "model/net.h"
#include "support/child.h"
#include "support/connect.h"
#include "support/sandbox.h"

namespace npanel {
namespace {

constexpr uint16_t kSmtp = 25;
constexpr uint16_t kSmtps = 465;
constexpr uint16_t kNobodyListens = 587;
constexpr uid_t kBobUid = 20001;
constexpr uid_t kMtaUid = 20009;
constexpr RateLimit kAny{.per_minute = 60000, .burst = 10000};
constexpr const char* kElsewhere = "192.0.2.7";  // RFC 5737; the sandbox has no way there
constexpr const char* kElsewhere6 = "2001:db8::7";

class MailKernel : public testing::Test {
 protected:
  void SetUp() override {
    bob_.rate_limit = kAny;
    attach();
    put();
  }
  void attach(const SmtpRules& rules = {}) {
    guard_.reset();
    auto guard = SmtpGuard::attach({.cgroup_fd = sandbox_.tree().fd(),
                                    .account_level = sandbox_.tree().account_level(),
                                    .pin_dir = sandbox_.pin_dir(),
                                    .rules = rules,
                                    .gates = gates_on()});
    ASSERT_TRUE(guard) << guard.error().text;
    guard_.emplace(std::move(*guard));
  }
  void put() { ASSERT_TRUE(guard_->set(bob_, bob_.mail, cgroup_.id().value(), NP_OVERRIDE_NONE)); }
  void gate(const FeatureState& state) {
    Gates gates;
    gates.set(NP_EMAIL_RATE_LIMITING, state);
    ASSERT_TRUE(guard_->set_gates(gates.kernel()));
  }

  np_mail_question ask(np_mail_charge charge = NP_MAIL_CHARGE, uint64_t id = 0, uint32_t recipients = 1) {
    return guard_->ask(bob_.slot, {.messages = 1, .recipients = recipients, .bytes = 1000}, id, charge).value();
  }
  int accepted(int tries) {
    int count = 0;
    for (int i = 0; i < tries; ++i) count += ask().answer == NP_MAIL_ACCEPT;
    return count;
  }
  // The errno of each connect by bob.
  std::vector<int> connects(int tries, const Destination& to, std::optional<uid_t> uid = {}) {
    return run_in({&cgroup_, uid}, [&] {
      std::vector<int> results;
      for (int i = 0; i < tries; ++i) results.push_back(connect_once(to));
      return results;
    });
  }
  np_mail_amount sent_in(np_mail_window window) { return sent(guard_->budget(bob_.slot), window, mail_time_ns()); }

  Sandbox sandbox_;
  Listener smtp_{kSmtp}, smtps_{kSmtps};
  Account bob_{.name = "bob", .slot = 1, .uid = kBobUid};
  Cgroup cgroup_ = sandbox_.tree().find_or_make("bob").value();
  std::optional<SmtpGuard> guard_;
};

TEST_F(MailKernel, AcceptsAHundredInAQuarterAndDefersTheNext) {
  EXPECT_EQ(accepted(110), 100);
  const np_mail_question answer = ask();
  EXPECT_EQ(answer.answer, NP_MAIL_DEFER);
  EXPECT_EQ(limit_name(answer.verdict), "messages_per_15min");
  const np_mail_count count = guard_->mail_count(bob_.slot);
  EXPECT_EQ(count.accepted.messages, 100U);
  EXPECT_EQ(count.accepted.bytes, 100'000U);
  EXPECT_EQ(count.deferred, 11U);
}

TEST_F(MailKernel, DirectConnectionsAndTheMtaDrawOnOneBudget) {
  bob_.mail = {.messages_per_15min = {}, .messages_per_hour = 10, .bytes_per_hour = {}};
  put();
  EXPECT_EQ(accepted(6), 6);
  const auto results = connects(8, {"127.0.0.1", kSmtp});
  EXPECT_EQ(std::ranges::count(results, 0), 4);
  EXPECT_EQ(std::ranges::count(results, EPERM), 4);
  EXPECT_EQ(ask().answer, NP_MAIL_DEFER);
  EXPECT_EQ(sent_in(NP_MAIL_HOUR).messages, 10U);
  EXPECT_EQ(guard_->count(bob_.slot).denied, 4U);
  std::vector<uint32_t> reasons;
  ASSERT_TRUE(guard_->drain_refusals([&](const np_smtp_refusal& refusal) { reasons.push_back(refusal.reason); }));
  EXPECT_EQ(reasons, std::vector<uint32_t>(4, NP_SMTP_MAIL + np_mail_verdict(NP_MAIL_HOUR, NP_MAIL_MESSAGES)));
}

TEST_F(MailKernel, RefusedMailTakesNoTokenFromTheBucket) {
  bob_.rate_limit = {.per_minute = 1, .burst = 5};
  bob_.mail = {.messages_per_15min = 0, .messages_per_hour = {}, .bytes_per_hour = {}};
  put();
  EXPECT_EQ(connects(20, {"127.0.0.1", kSmtp}), std::vector<int>(20, EPERM));
  bob_.mail = {.messages_per_15min = {}, .messages_per_hour = {}, .bytes_per_hour = {}};
  put();
  EXPECT_EQ(std::ranges::count(connects(20, {"127.0.0.1", kSmtp}), 0), 5);
}

TEST_F(MailKernel, SameMessageIsChargedOnce) {
  EXPECT_EQ(ask(NP_MAIL_CHARGE, 77).answer, NP_MAIL_ACCEPT);
  EXPECT_EQ(ask(NP_MAIL_CHARGE, 77).answer, NP_MAIL_REPEATED);
  EXPECT_EQ(ask(NP_MAIL_CHARGE, 78).answer, NP_MAIL_ACCEPT);
  EXPECT_EQ(sent_in(NP_MAIL_HOUR).messages, 2U);
  EXPECT_EQ(guard_->mail_count(bob_.slot).repeated, 1U);
}

TEST_F(MailKernel, AskingChargesNothing) {
  EXPECT_EQ(ask(NP_MAIL_ASK, 5).answer, NP_MAIL_ACCEPT);
  EXPECT_EQ(sent_in(NP_MAIL_HOUR).messages, 0U);
  EXPECT_EQ(ask(NP_MAIL_CHARGE, 5).answer, NP_MAIL_ACCEPT);
}

TEST_F(MailKernel, ObservedIsChargedAndPasses) {
  gate({.enabled = true, .mode = GateMode::observe});
  EXPECT_EQ(accepted(100), 100);
  EXPECT_EQ(ask().answer, NP_MAIL_WOULD_DEFER);
  EXPECT_EQ(sent_in(NP_MAIL_QUARTER).messages, 101U);
  EXPECT_EQ(guard_->mail_count(bob_.slot).would_defer, 1U);
  gate({.enabled = true});
  EXPECT_EQ(ask().answer, NP_MAIL_DEFER);
}

TEST_F(MailKernel, IsFreeWhenTheFeatureIsOff) {
  gate({.enabled = false});
  for (int i = 0; i < 200; ++i) EXPECT_EQ(ask().answer, NP_MAIL_FREE);
  EXPECT_EQ(guard_->budget(bob_.slot).cell, 0U);
}

TEST_F(MailKernel, NobodysSlotIsFree) {
  EXPECT_EQ(guard_->ask(4711, {.messages = 1, .recipients = 1, .bytes = 1}, 0, NP_MAIL_CHARGE)->answer, NP_MAIL_ACCEPT);
  EXPECT_EQ(guard_->ask(NP_SLOTS, {.messages = 1, .recipients = 1, .bytes = 1}, 0, NP_MAIL_CHARGE)->answer,
            NP_MAIL_FREE);
}

TEST_F(MailKernel, CountsOnWhileNoAgentRuns) {
  bob_.mail = {.messages_per_15min = {}, .messages_per_hour = 10, .bytes_per_hour = {}};
  put();
  EXPECT_EQ(accepted(6), 6);
  guard_.reset();
  EXPECT_EQ(std::ranges::count(connects(8, {"127.0.0.1", kSmtp}), 0), 4);
  attach();
  EXPECT_EQ(ask().answer, NP_MAIL_DEFER);
  EXPECT_EQ(sent_in(NP_MAIL_HOUR).messages, 10U);
}

TEST_F(MailKernel, BudgetFromBeforeTheRebootComesBackOnce) {
  np_mail_budget before{};
  const np_mail_limit limit = kernel_limit(bob_.mail);
  const np_mail_amount many{.messages = 99, .recipients = 99, .bytes = 99};
  np_mail_take(&before, &limit, &many, NP_MAIL_CHARGE, mail_time_ns());
  ASSERT_TRUE(guard_->put_budget(bob_.slot, before));
  EXPECT_EQ(accepted(5), 1);
  ASSERT_TRUE(guard_->put_budget(bob_.slot, {})) << "what is there stays";
  EXPECT_EQ(accepted(5), 0);
}

TEST_F(MailKernel, AllThreadsTogetherGetNoMoreThanTheLimit) {
  bob_.mail = {.messages_per_15min = 50, .messages_per_hour = {}, .bytes_per_hour = {}};
  put();
  std::vector<int> direct;
  std::thread connecting([&] { direct = connects(200, {"127.0.0.1", kSmtp}); });
  const int by_mta = accepted(200);
  connecting.join();
  EXPECT_EQ(by_mta + std::ranges::count(direct, 0), 50);
}

// bob and eve belong to a reseller, who belongs to another one.
class NestedMail : public MailKernel {
 protected:
  static constexpr uint32_t kReseller = 7;
  static constexpr uint32_t kAbove = 8;

  void SetUp() override {
    MailKernel::SetUp();
    eve_.rate_limit = kAny;
  }
  void nest(uint64_t reseller_an_hour, std::optional<uint64_t> above_an_hour = {}) {
    const auto an_hour = [](std::optional<uint64_t> messages) {
      return MailLimits{.messages_per_15min = {}, .messages_per_hour = messages, .bytes_per_hour = {}};
    };
    const auto put = [&](const Account& account, const MailLimits& mail, std::optional<uint64_t> cgroup,
                         std::optional<uint32_t> parent) {
      ASSERT_TRUE(guard_->set(account, mail, cgroup, NP_OVERRIDE_NONE, parent));
    };
    put(bob_, an_hour(100), cgroup_.id().value(), kReseller);
    put(eve_, an_hour(100), eves_cgroup_.id().value(), kReseller);
    put({.name = "reseller", .slot = kReseller}, an_hour(reseller_an_hour), {}, kAbove);
    put({.name = "above", .slot = kAbove}, an_hour(above_an_hour), {}, {});
  }
  [[nodiscard]] uint32_t sent_by(uint32_t slot) const {
    return sent(guard_->budget(slot), NP_MAIL_HOUR, mail_time_ns()).messages;
  }
  std::vector<int> eve_connects(int tries) {
    return run_in({&eves_cgroup_}, [&] {
      std::vector<int> results;
      for (int i = 0; i < tries; ++i) results.push_back(connect_once({"127.0.0.1", kSmtp}));
      return results;
    });
  }

  Account eve_{.name = "eve", .slot = 2};
  Cgroup eves_cgroup_ = sandbox_.tree().find_or_make("eve").value();
};

TEST_F(NestedMail, ParentsLimitBoundsTheSumOfItsChildrenOnBothWaysOut) {
  nest(10);
  EXPECT_EQ(accepted(7), 7);
  EXPECT_EQ(std::ranges::count(eve_connects(8), 0), 3);
  const np_mail_question answer = ask();
  EXPECT_EQ(answer.answer, NP_MAIL_DEFER);
  EXPECT_EQ(answer.verdict, NP_MAIL_LEVEL + np_mail_verdict(NP_MAIL_HOUR, NP_MAIL_MESSAGES));
  EXPECT_EQ(ask(NP_MAIL_ASK).answer, NP_MAIL_DEFER);
  EXPECT_EQ(sent_by(bob_.slot), 7U);
  EXPECT_EQ(sent_by(eve_.slot), 3U);
  EXPECT_EQ(sent_by(kReseller), 10U);
  EXPECT_EQ(sent_by(kAbove), 10U);
  EXPECT_EQ(guard_->count(eve_.slot).allowed, 3U);
}

TEST_F(NestedMail, RefusedAtTheTopIsGivenBackBelow) {
  nest(50, 4);
  EXPECT_EQ(accepted(3), 3);
  EXPECT_EQ(std::ranges::count(eve_connects(6), 0), 1);
  EXPECT_EQ(ask().verdict, 2 * NP_MAIL_LEVEL + np_mail_verdict(NP_MAIL_HOUR, NP_MAIL_MESSAGES));
  EXPECT_EQ(sent_by(bob_.slot), 3U);
  EXPECT_EQ(sent_by(eve_.slot), 1U);
  EXPECT_EQ(sent_by(kReseller), 4U);
}

TEST_F(NestedMail, AllChildrenTogetherGetNoMoreThanTheParentHas) {
  nest(50);
  std::vector<int> direct;
  std::thread connecting([&] { direct = eve_connects(200); });
  const int by_mta = accepted(100);
  connecting.join();
  EXPECT_EQ(by_mta + std::ranges::count(direct, 0), 50);
}

TEST_F(NestedMail, ObservedIsChargedOnEveryLevel) {
  nest(2, 1);
  gate({.enabled = true, .mode = GateMode::observe});
  for (int i = 0; i < 4; ++i) ask();
  EXPECT_EQ(eve_connects(1), std::vector{0});
  EXPECT_EQ(sent_by(kAbove), 5U);
  EXPECT_EQ(guard_->count(eve_.slot).would_deny, 1U);
}

// NPANEL_CONNECTS: how many in all; scripts/nightly says a million.
TEST_F(MailKernel, FloodFromAHundredAccountsNeverOvershootsAndEveryRecordIsReadOrCounted) {
  constexpr uint32_t kAccounts = 100;
  constexpr uint32_t kLimit = 50;
  constexpr uint32_t kFloods = 2;  // at once, both through all accounts
  const char* wanted = std::getenv("NPANEL_CONNECTS");
  const int each = std::max(std::atoi(wanted ? wanted : "40000") / static_cast<int>(kAccounts * kFloods), 1);
  std::vector<Cgroup> cgroups;
  for (uint32_t slot = 10; slot < 10 + kAccounts; ++slot) {
    const std::string name = "flood" + std::to_string(slot);
    cgroups.push_back(sandbox_.tree().find_or_make(name).value());
    const Account account{.name = name, .slot = slot, .rate_limit = kAny};
    const MailLimits mail{.messages_per_15min = {}, .messages_per_hour = kLimit, .bytes_per_hour = {}};
    ASSERT_TRUE(guard_->set(account, mail, cgroups.back().id().value(), NP_OVERRIDE_NONE));
  }
  const auto flood = [&] {
    std::vector<int> made(2);
    for (const Cgroup& cgroup : cgroups) {
      if (!cgroup.add(::getpid())) return std::vector<int>{};
      for (int i = 0; i < each; ++i) ++made[connect_once({"127.0.0.1", kNobodyListens}) == EPERM ? 1 : 0];
    }
    return made;
  };
  std::array<Child, kFloods> floods{};
  for (Child& child : floods) child = start_in({}, flood);
  uint64_t told = 0;
  const auto read_records = [&] {
    EXPECT_TRUE(guard_->drain_refusals([&](const np_smtp_refusal& record) { told += 1 + record.missed; }));
  };
  for (const Child& child : floods)
    for (pollfd answer{.fd = child.answer, .events = POLLIN, .revents = 0}; ::poll(&answer, 1, 10) == 0;)
      read_records();
  std::array<std::vector<int>, kFloods> made;
  std::ranges::transform(floods, made.begin(), finish);
  read_records();
  uint64_t allowed = 0;
  uint64_t denied = 0;
  const uint64_t tried = static_cast<uint64_t>(each) * kFloods;
  for (uint32_t slot = 10; slot < 10 + kAccounts; ++slot) {
    EXPECT_EQ(guard_->count(slot).allowed, std::min<uint64_t>(kLimit, tried)) << slot;
    allowed += guard_->count(slot).allowed;
    denied += guard_->count(slot).denied;
    told += guard_->count(slot).unrecorded;
  }
  ASSERT_EQ(made[0].size() + made[1].size(), 4U);
  EXPECT_EQ(static_cast<uint64_t>(made[0][0] + made[1][0]), allowed) << "as the processes saw it";
  EXPECT_EQ(static_cast<uint64_t>(made[0][1] + made[1][1]), denied);
  EXPECT_EQ(told + guard_->total().lost, denied);
}

TEST_F(MailKernel, RedirectsToTheLocalMtaWithoutCharging) {
  bob_.rate_limit.mode = SmtpMode::redirect;
  bob_.mail = {.messages_per_15min = 0, .messages_per_hour = {}, .bytes_per_hour = {}};
  put();
  EXPECT_EQ(connects(3, {kElsewhere, kSmtp}), std::vector<int>(3, 0));
  EXPECT_EQ(connects(2, {kElsewhere6, kSmtp}), std::vector<int>(2, 0));
  EXPECT_EQ(connects(1, {"::ffff:192.0.2.7", 587}), std::vector<int>(1, 0));
  EXPECT_EQ(guard_->count(bob_.slot).redirected, 6U);
  EXPECT_EQ(guard_->budget(bob_.slot).cell, 0U);
}

TEST_F(MailKernel, NeverRedirectsImplicitTls) {
  bob_.rate_limit = {.per_minute = 1, .burst = 2, .mode = SmtpMode::redirect};
  put();
  EXPECT_EQ(connects(4, {"127.0.0.1", kSmtps}), (std::vector{0, 0, EPERM, EPERM}));
  EXPECT_EQ(guard_->count(bob_.slot).redirected, 0U);
}

TEST_F(MailKernel, ObserveOnlyCountsWhatItWouldRedirect) {
  bob_.rate_limit.mode = SmtpMode::redirect;
  put();
  gate({.enabled = true, .mode = GateMode::observe});
  EXPECT_EQ(connects(1, {kElsewhere, kSmtp}), std::vector{ENETUNREACH});
  EXPECT_EQ(guard_->count(bob_.slot).would_redirect, 1U);
}

TEST_F(MailKernel, WithoutAnMtaRedirectLimits) {
  attach({.redirect_port = 0});
  bob_.rate_limit = {.per_minute = 1, .burst = 2, .mode = SmtpMode::redirect};
  put();
  EXPECT_EQ(connects(3, {"127.0.0.1", kSmtp}), (std::vector{0, 0, EPERM}));
}

TEST_F(MailKernel, AllowedNetworksAreReachedWithoutLimit) {
  attach({.allow = {parse_net("127.0.0.8/29").value(), parse_net("::1").value()}});
  bob_.rate_limit = {.per_minute = 0, .burst = 0};
  put();
  EXPECT_EQ(connects(2, {"127.0.0.9", kSmtp}), std::vector(2, 0));
  EXPECT_EQ(connects(2, {"::ffff:127.0.0.15", kSmtp}), std::vector(2, 0));
  EXPECT_EQ(connects(2, {"::1", kSmtp}), std::vector(2, 0));
  EXPECT_EQ(connects(2, {"127.0.0.16", kSmtp}), std::vector(2, EPERM));
  EXPECT_EQ(guard_->count(bob_.slot).exempt, 6U);
  ASSERT_TRUE(guard_->set_rules({}));
  EXPECT_EQ(connects(1, {"127.0.0.9", kSmtp}), std::vector{EPERM});
}

TEST_F(MailKernel, AllowedRelayIsNotRedirected) {
  attach({.allow = {parse_net("192.0.2.0/24").value()}});
  bob_.rate_limit.mode = SmtpMode::redirect;
  put();
  EXPECT_EQ(connects(1, {kElsewhere, kSmtp}), std::vector{ENETUNREACH}) << "that is where it wanted to go";
  EXPECT_EQ(connects(1, {"198.51.100.1", kSmtp}), std::vector{0});
}

TEST_F(MailKernel, MtaInTheAccountsCgroupIsExempt) {
  attach({.exempt_uids = {kMtaUid}});
  bob_.rate_limit = {.per_minute = 0, .burst = 0};
  put();
  EXPECT_EQ(connects(3, {"127.0.0.1", kSmtp}, kMtaUid), std::vector(3, 0));
  EXPECT_EQ(connects(3, {"127.0.0.1", kSmtp}, kBobUid), std::vector(3, EPERM));
  EXPECT_EQ(connects(3, {"127.0.0.1", kSmtp}, 0), std::vector(3, EPERM)) << "root is not, unless it is named";
}

TEST_F(MailKernel, OnlySoManyConnectionsAreOpenAtOnce) {
  bob_.mail.connections = 3;
  put();
  const auto results = run_in({&cgroup_}, [] {
    socklen_t length = 0;
    const sockaddr_storage address = address_of({"127.0.0.1", kSmtp}, length);
    std::vector<UniqueFd> open;
    std::vector<int> made;
    const auto connect = [&] {
      UniqueFd socket(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
      made.push_back(::connect(socket.get(), reinterpret_cast<const sockaddr*>(&address), length) == 0 ? 0 : errno);
      open.push_back(std::move(socket));
    };
    for (int i = 0; i < 5; ++i) connect();
    open.erase(open.begin());
    connect();
    connect();
    return made;
  });
  EXPECT_EQ(results, (std::vector{0, 0, 0, EPERM, EPERM, 0, EPERM}));
  EXPECT_EQ(guard_->count(bob_.slot).open, 0U) << "the process has ended, and so have its sockets";
  EXPECT_EQ(sent_in(NP_MAIL_HOUR).messages, 4U);
  std::vector<uint32_t> reasons;
  ASSERT_TRUE(guard_->drain_refusals([&](const np_smtp_refusal& refusal) { reasons.push_back(refusal.reason); }));
  EXPECT_EQ(reasons, std::vector<uint32_t>(3, NP_SMTP_CONNECTIONS));
}

TEST_F(MailKernel, SocketThatFailsToConnectCountsOnceUntilItIsClosed) {
  bob_.mail.connections = 1;
  put();
  const auto results = run_in({&cgroup_}, [] {
    socklen_t length = 0;
    const sockaddr_storage closed = address_of({"127.0.0.1", 587}, length);
    const UniqueFd socket(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    std::vector<int> made;
    for (int i = 0; i < 3; ++i)
      made.push_back(::connect(socket.get(), reinterpret_cast<const sockaddr*>(&closed), length) == 0 ? 0 : errno);
    return made;
  });
  EXPECT_EQ(results, std::vector(3, ECONNREFUSED));
  EXPECT_EQ(guard_->count(bob_.slot).open, 0U);
}

TEST_F(MailKernel, OpenConnectionsAreKnownToTheNextAgent) {
  bob_.mail.connections = 1;
  put();
  std::array<int, 2> go{};
  ASSERT_EQ(::pipe(go.data()), 0);
  std::vector<int> first;
  std::thread holding([&] {
    first = run_in({&cgroup_}, [&] {
      socklen_t length = 0;
      const sockaddr_storage address = address_of({"127.0.0.1", kSmtp}, length);
      const UniqueFd socket(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
      const int made = ::connect(socket.get(), reinterpret_cast<const sockaddr*>(&address), length) == 0 ? 0 : errno;
      char byte = 0;
      return std::vector{made, static_cast<int>(::read(go[0], &byte, 1))};
    });
  });
  while (guard_->count(bob_.slot).open == 0) std::this_thread::yield();
  attach();
  EXPECT_EQ(connects(1, {"127.0.0.1", kSmtp}), std::vector{EPERM});
  ASSERT_EQ(::write(go[1], "x", 1), 1);
  holding.join();
  EXPECT_EQ(first, (std::vector{0, 1}));
  EXPECT_EQ(connects(1, {"127.0.0.1", kSmtp}), std::vector{0});
  ::close(go[0]);
  ::close(go[1]);
}

// The ports of a connection from 127.0.0.1 by `uid` in bob's cgroup, while it is open.
TEST_F(MailKernel, KernelSaysWhoOpenedAConnection) {
  const auto owners = SocketOwners::open();
  ASSERT_TRUE(owners);
  for (const char* address : {"127.0.0.1", "::1"}) {
    const auto found = run_in({&cgroup_, kBobUid}, [&] {
      socklen_t length = 0;
      const sockaddr_storage to = address_of({address, kSmtp}, length);
      const UniqueFd socket(::socket(to.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0));
      if (::connect(socket.get(), reinterpret_cast<const sockaddr*>(&to), length) != 0) return std::vector<int>{};
      sockaddr_in6 own{};
      socklen_t size = sizeof(own);
      ::getsockname(socket.get(), reinterpret_cast<sockaddr*>(&own), &size);
      const uint16_t port = ntohs(own.sin6_port);  // at the same place for IPv4
      const auto owner = owners->find(address, port, address, kSmtp);
      const auto nobody = owners->find(address, port, address, kSmtps);
      if (!owner) return std::vector<int>{-1};
      return std::vector{static_cast<int>(owner->uid), static_cast<int>(owner->cgroup_id.value_or(0)), nobody ? 1 : 0};
    });
    EXPECT_EQ(found, (std::vector{static_cast<int>(kBobUid), static_cast<int>(cgroup_.id().value()), 0})) << address;
  }
  EXPECT_EQ(owners->find("192.0.2.1", 1, "127.0.0.1", kSmtp), std::nullopt);
  EXPECT_EQ(owners->find("nobody", 1, "127.0.0.1", kSmtp), std::nullopt);
}

}  // namespace
}  // namespace npanel
