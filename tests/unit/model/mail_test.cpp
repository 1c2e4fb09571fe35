// SPDX-License-Identifier: Apache-2.0
#include "model/mail.h"

#include <gtest/gtest.h>

namespace npanel {
namespace {

constexpr uint64_t kNow = NP_MAIL_BEFORE_BOOT_NS + 12 * NP_SECOND_NS;
constexpr int64_t kNowMs = 1'700'000'000'000;

np_mail_budget after(int messages, const MailLimits& limits, uint64_t at_ns = kNow) {
  np_mail_budget budget{};
  const np_mail_limit limit = kernel_limit(limits);
  const np_mail_amount one{.messages = 1, .recipients = 2, .bytes = 100};
  for (int i = 0; i < messages; ++i) np_mail_take(&budget, &limit, &one, NP_MAIL_CHARGE, at_ns);
  return budget;
}

TEST(Mail, DefaultsAreThoseOfTheSpecification) {
  const MailLimits limits;
  EXPECT_EQ(limits.messages_per_hour, 500);
  EXPECT_EQ(limits.messages_per_15min, 100);
  EXPECT_EQ(limits.recipients_per_hour, 500);
  EXPECT_EQ(limits.recipients_per_15min, 100);
  EXPECT_EQ(limits.bytes_per_hour, 50'000'000);
  EXPECT_EQ(limits.connections, 10);
  EXPECT_TRUE(check(limits));
}

TEST(Mail, RefusesWhatIsOutOfRangeByItsName) {
  MailLimits limits;
  limits.connections = 0;
  ASSERT_FALSE(check(limits));
  EXPECT_EQ(check(limits).error().field, "mail.connections");
  EXPECT_EQ(check(limits).error().text, "mail.connections must be a whole number from 1 to 100000 or null; got 0");
  limits = {};
  limits.bytes_per_day = kMailBytesMost + 1;
  EXPECT_EQ(check(limits).error().field, "mail.bytes_per_day");
}

TEST(Mail, NoLimitIsTheHighestNumberInTheKernel) {
  const np_mail_limit limit = kernel_limit({.messages_per_15min = {}, .messages_per_hour = 7, .bytes_per_hour = {}});
  EXPECT_EQ(limit.windows[NP_MAIL_QUARTER].messages, NP_MAIL_NO_COUNT);
  EXPECT_EQ(limit.windows[NP_MAIL_HOUR].messages, 7U);
  EXPECT_EQ(limit.windows[NP_MAIL_HOUR].bytes, NP_MAIL_NO_BYTES);
}

TEST(Mail, IsReadBackFromTheKernelAsItWasSaid) {
  const MailLimits odd{.messages_per_15min = 0,
                       .recipients_per_15min = 3,
                       .bytes_per_15min = {},
                       .messages_per_hour = {},
                       .recipients_per_hour = 5,
                       .bytes_per_hour = 7'000'000'000,
                       .messages_per_day = 9,
                       .recipients_per_day = {},
                       .bytes_per_day = 11,
                       .connections = {}};
  EXPECT_EQ(mail_limits_in(kernel_limit(odd), 0), odd);
  EXPECT_EQ(mail_limits_in(kernel_limit({}), 10), MailLimits{});
}

TEST(Mail, TheStricterOfTwoIsTheLowerOfEachNumber) {
  const MailLimits few{.messages_per_15min = 1, .messages_per_hour = {}, .connections = 4};
  const MailLimits more{.messages_per_15min = 2, .messages_per_hour = 3, .connections = {}};
  EXPECT_EQ(stricter(few, more), (MailLimits{.messages_per_15min = 1, .messages_per_hour = 3, .connections = 4}));
  EXPECT_EQ(stricter(more, few), stricter(few, more));
}

TEST(Mail, RaiseLiftsEveryLimitByTheSameFactorUntilItsEnd) {
  MailLimits limits;
  limits.recipients_per_day = 7;
  const MailRaise raise{.messages_per_hour = 2000, .until_ms = kNowMs + 1};
  const MailLimits raised = effective_mail_limits(limits, raise, false);
  EXPECT_EQ(raised.messages_per_hour, 2000);
  EXPECT_EQ(raised.messages_per_15min, 400);
  EXPECT_EQ(raised.bytes_per_hour, 200'000'000);
  EXPECT_EQ(raised.recipients_per_day, 28);
  EXPECT_EQ(raised.connections, 10);
  EXPECT_EQ(raised.messages_per_day, std::nullopt);
}

TEST(Mail, RaiseRoundsUpAndKeepsToTheMost) {
  MailLimits limits{.messages_per_15min = 1, .messages_per_hour = 3, .bytes_per_hour = kMailBytesMost};
  const MailLimits raised =
      effective_mail_limits(limits, MailRaise{.messages_per_hour = 4, .until_ms = kNowMs + 1}, false);
  EXPECT_EQ(raised.messages_per_15min, 2);
  EXPECT_EQ(raised.bytes_per_hour, kMailBytesMost);
}

TEST(Mail, AccountThatMayNotSendIsRaisedToTheNumber) {
  MailLimits limits{.messages_per_15min = 0, .messages_per_hour = 0, .bytes_per_hour = {}};
  const MailLimits raised =
      effective_mail_limits(limits, MailRaise{.messages_per_hour = 9, .until_ms = kNowMs + 1}, false);
  EXPECT_EQ(raised.messages_per_15min, 9);
  EXPECT_EQ(raised.messages_per_hour, 9);
}

TEST(Mail, ThrottleLeavesAQuarterAndNeverNothing) {
  MailLimits limits;
  limits.recipients_per_hour = 3;
  limits.recipients_per_day = 0;
  const MailLimits throttled = effective_mail_limits(limits, {}, true);
  EXPECT_EQ(throttled.messages_per_hour, 125);
  EXPECT_EQ(throttled.recipients_per_hour, 1);
  EXPECT_EQ(throttled.recipients_per_day, 0);
  EXPECT_EQ(throttled.connections, 10);
}

TEST(Mail, RaiseEndsByTheClockThatComesFirst) {
  constexpr int64_t kBootMs = 5'000'000;
  constexpr int64_t kHourMs = 3'600'000;
  const MailRaise raise{.messages_per_hour = 9, .until_ms = kNowMs + kHourMs, .until_boot_ms = kBootMs + kHourMs};
  EXPECT_FALSE(is_over(raise, kNowMs + kHourMs - 1, kBootMs + kHourMs - 1));
  EXPECT_TRUE(is_over(raise, kNowMs - 24 * kHourMs, kBootMs + kHourMs)) << "the wall clock was set back";
  EXPECT_TRUE(is_over(raise, kNowMs + kHourMs, 1000)) << "after a reboot";
  const MailRaise older{.messages_per_hour = 9, .until_ms = kNowMs + kHourMs};
  EXPECT_FALSE(is_over(older, kNowMs, INT64_MAX - 1));
  EXPECT_TRUE(is_over(older, kNowMs + kHourMs, 0));
}

TEST(Mail, RaiseMustRaise) {
  MailLimits limits;
  EXPECT_TRUE(check(MailRaise{.messages_per_hour = 501, .until_ms = 0}, limits));
  EXPECT_EQ(check(MailRaise{.messages_per_hour = 500, .until_ms = 0}, limits).error().field, "messages_per_hour");
  limits.messages_per_hour.reset();
  EXPECT_FALSE(check(MailRaise{.messages_per_hour = 501, .until_ms = 0}, limits));
}

TEST(Mail, SaysWhatWillNeverFit) {
  const np_mail_limit limit =
      kernel_limit({.messages_per_15min = 0, .recipients_per_hour = 10, .bytes_per_hour = 1000});
  const auto never = [&](const np_mail_amount& more, np_mail_window window, uint32_t quantity) {
    return never_fits(more, limit, np_mail_verdict(window, quantity));
  };
  const np_mail_amount many{.messages = 1, .recipients = 11, .bytes = 1};
  const np_mail_amount large{.messages = 1, .recipients = 1, .bytes = 1001};
  EXPECT_EQ(never(many, NP_MAIL_HOUR, NP_MAIL_RECIPIENTS), NP_MAIL_RECIPIENTS);
  EXPECT_EQ(never(large, NP_MAIL_HOUR, NP_MAIL_BYTES), NP_MAIL_BYTES);
  EXPECT_EQ(never({.messages = 1, .recipients = 10, .bytes = 1000}, NP_MAIL_HOUR, NP_MAIL_RECIPIENTS), NP_MAIL_FITS);
  EXPECT_EQ(never(many, NP_MAIL_QUARTER, NP_MAIL_MESSAGES), NP_MAIL_FITS) << "tomorrow the limit may be another";
  EXPECT_EQ(never_fits(many, limit, NP_MAIL_LEVEL + np_mail_verdict(NP_MAIL_HOUR, NP_MAIL_RECIPIENTS)), NP_MAIL_FITS);
}

TEST(Mail, SaysWhichLimitInWordsAndByName) {
  const np_mail_limit limit = kernel_limit({});
  EXPECT_EQ(limit_text(np_mail_verdict(NP_MAIL_HOUR, NP_MAIL_MESSAGES), limit), "500 messages an hour");
  EXPECT_EQ(limit_text(np_mail_verdict(NP_MAIL_HOUR, NP_MAIL_BYTES), limit), "50000000 bytes an hour");
  EXPECT_EQ(limit_text(np_mail_verdict(NP_MAIL_QUARTER, NP_MAIL_MESSAGES), limit), "100 messages in 15 minutes");
  EXPECT_EQ(limit_name(np_mail_verdict(NP_MAIL_QUARTER, NP_MAIL_MESSAGES)), "messages_per_15min");
  EXPECT_EQ(limit_name(np_mail_verdict(NP_MAIL_HOUR, NP_MAIL_RECIPIENTS)), "recipients_per_hour");
  EXPECT_EQ(limit_name(np_mail_verdict(NP_MAIL_DAY, NP_MAIL_BYTES)), "bytes_per_day");
  EXPECT_EQ(limit_name(0), "");
  EXPECT_EQ(limit_name(4000000000), "");
}

TEST(Mail, KnowsWhatWasSentAsTimeGoesOn) {
  const np_mail_budget budget = after(5, {});
  EXPECT_EQ(sent(budget, NP_MAIL_QUARTER, kNow).messages, 5U);
  EXPECT_EQ(sent(budget, NP_MAIL_QUARTER, kNow + 16 * NP_MINUTE_NS).messages, 0U);
  EXPECT_EQ(sent(budget, NP_MAIL_HOUR, kNow + 16 * NP_MINUTE_NS).recipients, 10U);
}

TEST(Mail, TellsWhenItIsFreeAgainAndThenItIs) {
  const MailLimits limits{.messages_per_15min = 3, .messages_per_hour = 4, .bytes_per_hour = {}};
  const np_mail_limit limit = kernel_limit(limits);
  np_mail_budget budget = after(3, limits);
  const np_mail_amount one{.messages = 1, .recipients = 1, .bytes = 1};
  EXPECT_EQ(fits_in_s(after(2, limits), limit, one, kNow), 0U);
  const auto wait = fits_in_s(budget, limit, one, kNow);
  ASSERT_TRUE(wait);
  EXPECT_GE(*wait, 15U * 60);
  EXPECT_LE(*wait, 15U * 60 + 30);
  EXPECT_NE(np_mail_take(&budget, &limit, &one, NP_MAIL_CHARGE, kNow + (*wait - 1) * NP_SECOND_NS), 0U);
  EXPECT_EQ(np_mail_take(&budget, &limit, &one, NP_MAIL_CHARGE, kNow + *wait * NP_SECOND_NS), 0U);
}

TEST(Mail, WhatIsLargerThanALimitNeverFits) {
  const np_mail_limit limit = kernel_limit({});
  EXPECT_EQ(fits_in_s({}, limit, {.messages = 1, .recipients = 1, .bytes = 50'000'001}, kNow), std::nullopt);
}

}  // namespace
}  // namespace npanel
