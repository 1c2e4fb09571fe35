// SPDX-License-Identifier: Apache-2.0
// mail.h: how much may an account send, and when may it send again?
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"
#include "npanel/mail.h"

namespace npanel {

// In any stretch of a quarter of an hour, an hour and a day, by whatever way; nullopt is "no limit". Of a message that
// the MTA accepts count its recipients, and its size once for each of them, for so much leaves; a direct SMTP
// connection counts as one message to one recipient.
struct MailLimits {
  std::optional<uint64_t> messages_per_15min = 100;
  std::optional<uint64_t> recipients_per_15min = 100;
  std::optional<uint64_t> bytes_per_15min = std::nullopt;
  std::optional<uint64_t> messages_per_hour = 500;
  std::optional<uint64_t> recipients_per_hour = 500;
  std::optional<uint64_t> bytes_per_hour = 50'000'000;
  std::optional<uint64_t> messages_per_day = std::nullopt;
  std::optional<uint64_t> recipients_per_day = std::nullopt;
  std::optional<uint64_t> bytes_per_day = std::nullopt;
  std::optional<uint64_t> connections = 10;  // direct SMTP connections that are open at the same time

  bool operator==(const MailLimits&) const = default;
};

// One row per number of MailLimits: the same names in the API, the database and the configuration.
struct MailField {
  const char* name;
  std::optional<uint64_t> MailLimits::* member;
  uint64_t least;
  uint64_t most;
};
inline constexpr uint64_t kMailCountMost = 100'000'000;
inline constexpr uint64_t kMailBytesMost = 1ULL << 50;
inline constexpr MailField kMailFields[] = {
    {"messages_per_15min", &MailLimits::messages_per_15min, 0, kMailCountMost},
    {"recipients_per_15min", &MailLimits::recipients_per_15min, 0, kMailCountMost},
    {"bytes_per_15min", &MailLimits::bytes_per_15min, 0, kMailBytesMost},
    {"messages_per_hour", &MailLimits::messages_per_hour, 0, kMailCountMost},
    {"recipients_per_hour", &MailLimits::recipients_per_hour, 0, kMailCountMost},
    {"bytes_per_hour", &MailLimits::bytes_per_hour, 0, kMailBytesMost},
    {"messages_per_day", &MailLimits::messages_per_day, 0, kMailCountMost},
    {"recipients_per_day", &MailLimits::recipients_per_day, 0, kMailCountMost},
    {"bytes_per_day", &MailLimits::bytes_per_day, 0, kMailBytesMost},
    {"connections", &MailLimits::connections, 1, 100'000},
};
// One row per window. Where nothing is said of recipients, they are limited as messages are: a limit on messages alone
// bounds nobody who names a thousand recipients in each.
struct MailWindowFields {
  std::optional<uint64_t> MailLimits::* messages;
  std::optional<uint64_t> MailLimits::* recipients;
};
inline constexpr MailWindowFields kMailWindowFields[] = {
    {&MailLimits::messages_per_15min, &MailLimits::recipients_per_15min},
    {&MailLimits::messages_per_hour, &MailLimits::recipients_per_hour},
    {&MailLimits::messages_per_day, &MailLimits::recipients_per_day},
};
[[nodiscard]] const MailField& field_of(std::optional<uint64_t> MailLimits::* member);
[[nodiscard]] std::string range_wanted(const MailField& field);
// Field "mail.messages_per_hour" and so on.
[[nodiscard]] Result<void> check(const MailLimits& limits);

// More for a while: every limit but `connections` grows as messages_per_hour grows to this.
struct MailRaise {
  uint64_t messages_per_hour;
  int64_t until_ms;                           // Unix time
  std::optional<int64_t> until_boot_ms = {};  // CLOCK_BOOTTIME; nullopt: only the other is known

  bool operator==(const MailRaise&) const = default;
};
inline constexpr uint64_t kRaiseSecondsMost = 604'800;  // a week
// Whichever clock comes first: the wall clock may be set back, and after a reboot the other begins at 0 (so that its
// end then lies behind the wall clock's).
[[nodiscard]] bool is_over(const MailRaise& raise, int64_t now_ms, int64_t boot_ms);
// Field "messages_per_hour": not above the limit, or there is none to raise.
[[nodiscard]] Result<void> check(const MailRaise& raise, const MailLimits& limits);

// The limits at this moment, under a raise that is not over; a quarter of that (at least 1) while `throttled`.
inline constexpr uint64_t kThrottleDivisor = 4;
[[nodiscard]] MailLimits effective_mail_limits(const MailLimits& limits, const std::optional<MailRaise>& raise,
                                               bool throttled);
// The lower of two limits; nullopt is none.
[[nodiscard]] std::optional<uint64_t> lower(std::optional<uint64_t> one, std::optional<uint64_t> other);
// The lower of both, number by number.
[[nodiscard]] MailLimits stricter(const MailLimits& one, const MailLimits& other);
[[nodiscard]] np_mail_limit kernel_limit(const MailLimits& limits);
// The other way; open connections are in np_smtp_limit.
[[nodiscard]] MailLimits mail_limits_in(const np_mail_limit& limit, uint32_t connections);

// "500 messages an hour", "50000000 bytes in 15 minutes": what np_mail_verdict() says is used up.
[[nodiscard]] std::string limit_text(uint32_t verdict, const np_mail_limit& limit);
// What `verdict` is about: "messages_per_hour".
[[nodiscard]] std::string_view limit_name(uint32_t verdict);

// The number of the window's cell at `now_ns` (as np_mail_advance() takes it); that of the budget's newest one when the
// clock stepped back.
[[nodiscard]] uint64_t newest_cell(const np_mail_budget& budget, np_mail_window window, uint64_t now_ns);
// What had been sent when that cell began, or until now when it has not begun. Known of the newest 32 cells.
[[nodiscard]] np_mail_amount sent_before(const np_mail_budget& budget, np_mail_window window, uint64_t cell);
// In the window that ends at `now_ns`, whenever the budget was charged last.
[[nodiscard]] np_mail_amount sent(const np_mail_budget& budget, np_mail_window window, uint64_t now_ns);
// Which quantity of `more` is, alone, over the limit that `verdict` says is used up? enum np_mail_quantity.
[[nodiscard]] uint32_t never_fits(const np_mail_amount& more, const np_mail_limit& limit, uint32_t verdict);
// Seconds until `more` fits; nullopt: never, it is larger than a limit.
[[nodiscard]] std::optional<uint64_t> fits_in_s(const np_mail_budget& budget, const np_mail_limit& limit,
                                                const np_mail_amount& more, uint64_t now_ns);

}  // namespace npanel
