// SPDX-License-Identifier: Apache-2.0
// Connections around the MTA: the way to the local one, the exemptions, how many are open, and whose they are.
#include <sys/socket.h>

#include <array>
#include <thread>

#include "mail_fixture.h"
#include "model/net.h"
#include "support/use_rules.h"

namespace npanel {
namespace {

constexpr uid_t kMtaUid = 20009;
constexpr const char* kElsewhere = "192.0.2.7";  // RFC 5737; the sandbox has no way there
constexpr const char* kElsewhere6 = "2001:db8::7";

class DirectMail : public MailKernel {};

TEST_F(DirectMail, RedirectsToTheLocalMtaWithoutCharging) {
  bob_.smtp.mode = SmtpMode::redirect;
  bob_.mail = {.messages_per_15min = 0, .messages_per_hour = {}, .bytes_per_hour = {}};
  put();
  EXPECT_EQ(connects(3, {kElsewhere, kSmtp}), std::vector<int>(3, 0));
  EXPECT_EQ(connects(2, {kElsewhere6, kSmtp}), std::vector<int>(2, 0));
  EXPECT_EQ(connects(1, {"::ffff:192.0.2.7", 587}), std::vector<int>(1, 0));
  EXPECT_EQ(programs_->connect.count(bob_.slot).redirected, 6U);
  EXPECT_EQ(programs_->mail.budget(bob_.slot).cell, 0U);
}

TEST_F(DirectMail, WhatTheMapsHoldIsReadBack) {
  bob_.smtp = {.per_minute = 7, .burst = 3, .mode = SmtpMode::redirect};
  bob_.mail = {.messages_per_15min = {}, .messages_per_hour = 9, .bytes_per_day = 11, .connections = 4};
  put();
  const auto held = programs_->held();
  ASSERT_EQ(held.size(), 1U);
  const auto& [cgroup, what] = *held.begin();
  EXPECT_EQ(cgroup, cgroup_.id().value());
  EXPECT_EQ(what.slot, bob_.slot);
  EXPECT_EQ(what.uid, bob_.uid);
  EXPECT_EQ(what.smtp, bob_.smtp);
  EXPECT_EQ(what.mail, bob_.mail);
  ASSERT_TRUE(programs_->remove(bob_, cgroup));
  EXPECT_TRUE(programs_->held().empty());
}

TEST_F(DirectMail, NeverRedirectsImplicitTls) {
  bob_.smtp = {.per_minute = 1, .burst = 2, .mode = SmtpMode::redirect};
  put();
  EXPECT_EQ(connects(4, {"127.0.0.1", kSmtps}), (std::vector{0, 0, EPERM, EPERM}));
  EXPECT_EQ(programs_->connect.count(bob_.slot).redirected, 0U);
}

TEST_F(DirectMail, ObserveOnlyCountsWhatItWouldRedirect) {
  bob_.smtp.mode = SmtpMode::redirect;
  put();
  set_feature({.enabled = true, .mode = FeatureMode::observe});
  EXPECT_EQ(connects(1, {kElsewhere, kSmtp}), std::vector{ENETUNREACH});
  EXPECT_EQ(programs_->connect.count(bob_.slot).would_redirect, 1U);
}

TEST_F(DirectMail, WithoutAnMtaRedirectLimits) {
  attach({.redirect_port = 0});
  bob_.smtp = {.per_minute = 1, .burst = 2, .mode = SmtpMode::redirect};
  put();
  EXPECT_EQ(connects(3, {"127.0.0.1", kSmtp}), (std::vector{0, 0, EPERM}));
}

TEST_F(DirectMail, AllowedNetworksAreReachedWithoutLimit) {
  attach({.allow = {parse_net("127.0.0.8/29").value(), parse_net("::1").value()}});
  bob_.smtp = {.per_minute = 0, .burst = 0};
  put();
  EXPECT_EQ(connects(2, {"127.0.0.9", kSmtp}), std::vector(2, 0));
  EXPECT_EQ(connects(2, {"::ffff:127.0.0.15", kSmtp}), std::vector(2, 0));
  EXPECT_EQ(connects(2, {"::1", kSmtp}), std::vector(2, 0));
  EXPECT_EQ(connects(2, {"127.0.0.16", kSmtp}), std::vector(2, EPERM));
  EXPECT_EQ(programs_->connect.count(bob_.slot).exempt, 6U);
  ASSERT_TRUE(use_rules(programs_->connect, {}));
  EXPECT_EQ(connects(1, {"127.0.0.9", kSmtp}), std::vector{EPERM});
}

TEST_F(DirectMail, AllowedRelayIsNotRedirected) {
  attach({.allow = {parse_net("192.0.2.0/24").value()}});
  bob_.smtp.mode = SmtpMode::redirect;
  put();
  EXPECT_EQ(connects(1, {kElsewhere, kSmtp}), std::vector{ENETUNREACH}) << "that is where it wanted to go";
  EXPECT_EQ(connects(1, {"198.51.100.1", kSmtp}), std::vector{0});
}

TEST_F(DirectMail, MtaInTheAccountsCgroupIsExempt) {
  attach({.exempt_uids = {kMtaUid}});
  bob_.smtp = {.per_minute = 0, .burst = 0};
  put();
  EXPECT_EQ(connects(3, {"127.0.0.1", kSmtp}, kMtaUid), std::vector(3, 0));
  EXPECT_EQ(connects(3, {"127.0.0.1", kSmtp}, kBobUid), std::vector(3, EPERM));
  EXPECT_EQ(connects(3, {"127.0.0.1", kSmtp}, 0), std::vector(3, EPERM)) << "root is not, unless it is named";
}

}  // namespace
}  // namespace npanel
