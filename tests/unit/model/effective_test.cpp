// SPDX-License-Identifier: Apache-2.0
#include "model/effective.h"

#include <gtest/gtest.h>

namespace npanel {
namespace {

Features with(bool isolation, const FeatureState& mail) {
  Features features;
  features.set(NP_CGROUPS_ISOLATION, {.enabled = isolation});
  features.set(NP_EMAIL_RATE_LIMITING, mail);
  return features;
}

TEST(Effective, NothingIsAtFirst) {
  const Account none = effective({.name = "bob"}, Features());
  for (const LimitField& field : kLimitFields) EXPECT_EQ(none.limits.*field.member, std::nullopt) << field.name;
  EXPECT_EQ(none.smtp.mode, SmtpMode::off);
}

TEST(Effective, EachFeatureLetsItsOwnLimitsThrough) {
  const Account bob{.name = "bob"};
  EXPECT_EQ(effective(bob, with(true, {.enabled = true})), bob);
  EXPECT_EQ(effective(bob, with(true, {})).limits, bob.limits);
  EXPECT_EQ(effective(bob, with(true, {})).smtp.mode, SmtpMode::off);
  EXPECT_EQ(effective(bob, with(false, {.enabled = true})).smtp, bob.smtp);
  EXPECT_NE(effective(bob, with(false, {.enabled = true})).limits, bob.limits);
}

TEST(Effective, TheLowerOfTheTwoModesHolds) {
  for (const SmtpMode own : {SmtpMode::off, SmtpMode::observe, SmtpMode::redirect, SmtpMode::enforce}) {
    const Account bob{.name = "bob", .smtp = {.mode = own}};
    const auto under = [&](FeatureMode feature) {
      return effective(bob, with(false, {.enabled = true, .mode = feature})).smtp.mode;
    };
    EXPECT_EQ(under(FeatureMode::enforce), own);
    EXPECT_EQ(under(FeatureMode::observe), std::min(own, SmtpMode::observe));
  }
}

TEST(Effective, ASuspendedAccountStaysSuspended) {
  EXPECT_EQ(effective({.name = "bob", .state = AccountState::suspended}, Features()).state, AccountState::suspended);
}

}  // namespace
}  // namespace npanel
