// SPDX-License-Identifier: Apache-2.0
#include "model/mail.h"

#include <algorithm>
#include <array>
#include <iterator>

#include "model/mail_status.h"

namespace npanel {
namespace {

constexpr std::array<const char*, NP_MAIL_WINDOWS> kSpans = {"in 15 minutes", "an hour", "a day"};
constexpr std::array<const char*, 4> kQuantities = {"", "messages", "recipients", "bytes"};

uint32_t count_or_none(std::optional<uint64_t> limit) {
  return limit ? static_cast<uint32_t>(std::min<uint64_t>(*limit, NP_MAIL_NO_COUNT - 1)) : NP_MAIL_NO_COUNT;
}

// value * to / from, rounded up. 128 bits: bytes times messages.
uint64_t grown(uint64_t value, uint64_t to, uint64_t from, uint64_t most) {
  const auto product = static_cast<unsigned __int128>(value) * to + from - 1;
  return static_cast<uint64_t>(std::min<unsigned __int128>(product / from, most));
}

template <class Change>
MailLimits each_but_connections(MailLimits limits, Change change) {
  for (const MailField& field : kMailFields) {
    auto& value = limits.*field.member;
    if (value && field.member != &MailLimits::connections) value = change(*value, field.most);
  }
  return limits;
}

constexpr size_t kOfAWindow = 3;
constexpr size_t kWindowFields = NP_MAIL_WINDOWS * kOfAWindow;

size_t place_of(const MailField& field) {
  return static_cast<size_t>(&field - std::begin(kMailFields));
}

uint64_t number_of(const np_mail_amount& amount, size_t at) {
  if (at % kOfAWindow == 0) return amount.messages;
  return at % kOfAWindow == 1 ? amount.recipients : amount.bytes;
}

// In the window whose newest cell this is.
np_mail_amount sent_until(const np_mail_budget& budget, np_mail_window window, uint64_t cell) {
  const np_mail_amount before = sent_before(budget, window, cell - NP_MAIL_CELLS_A_WINDOW);
  return np_mail_difference(&budget.sent, &before);
}

}  // namespace

const MailField& field_of(std::optional<uint64_t> MailLimits::* member) {
  return *std::ranges::find(kMailFields, member, &MailField::member);
}

std::string range_wanted(const MailField& field) {
  return "must be a whole number from " + std::to_string(field.least) + " to " + std::to_string(field.most) +
         " or null";
}

Result<void> check(const MailLimits& limits) {
  for (const MailField& field : kMailFields) {
    const auto& value = limits.*field.member;
    if (value && (*value < field.least || *value > field.most))
      return refused(std::string("mail.") + field.name, range_wanted(field) + "; got " + std::to_string(*value));
  }
  return {};
}

Result<void> check(const MailRaise& raise, const MailLimits& limits) {
  if (!limits.messages_per_hour)
    return refused("messages_per_hour", "cannot be raised: the account has no limit on messages an hour");
  if (raise.messages_per_hour <= *limits.messages_per_hour || raise.messages_per_hour > kMailCountMost)
    return refused("messages_per_hour", "must be above the account's limit, " +
                                            std::to_string(*limits.messages_per_hour) + ", and at most " +
                                            std::to_string(kMailCountMost));
  return {};
}

bool is_over(const MailRaise& raise, int64_t now_ms, int64_t boot_ms) {
  return now_ms >= raise.until_ms || boot_ms >= raise.until_boot_ms.value_or(INT64_MAX);
}

MailLimits effective_mail_limits(const MailLimits& limits, const std::optional<MailRaise>& raise, bool throttled) {
  MailLimits now = limits;
  const uint64_t from = limits.messages_per_hour.value_or(0);
  if (raise && limits.messages_per_hour) {
    const uint64_t to = std::max(raise->messages_per_hour, from);
    now = each_but_connections(now, [&](uint64_t value, uint64_t most) {
      return from == 0 ? std::max(value, to) : grown(value, to, from, most);
    });
  }
  if (!throttled) return now;
  return each_but_connections(
      now, [](uint64_t value, uint64_t) { return value == 0 ? 0 : std::max<uint64_t>(value / kThrottleDivisor, 1); });
}

std::optional<uint64_t> lower(std::optional<uint64_t> one, std::optional<uint64_t> other) {
  if (!one || !other) return one ? one : other;
  return std::min(*one, *other);
}

MailLimits stricter(const MailLimits& one, const MailLimits& other) {
  MailLimits both = one;
  for (const MailField& field : kMailFields) both.*field.member = lower(one.*field.member, other.*field.member);
  return both;
}

np_mail_limit kernel_limit(const MailLimits& limits) {
  const auto amount = [](std::optional<uint64_t> messages, std::optional<uint64_t> recipients,
                         std::optional<uint64_t> bytes) {
    return np_mail_amount{.messages = count_or_none(messages),
                          .recipients = count_or_none(recipients),
                          .bytes = bytes.value_or(NP_MAIL_NO_BYTES)};
  };
  return {.windows = {amount(limits.messages_per_15min, limits.recipients_per_15min, limits.bytes_per_15min),
                      amount(limits.messages_per_hour, limits.recipients_per_hour, limits.bytes_per_hour),
                      amount(limits.messages_per_day, limits.recipients_per_day, limits.bytes_per_day)},
          .known = 1,
          .parent = 0,
          .parent_generation = 0,
          .reserved = 0};
}

MailLimits mail_limits_in(const np_mail_limit& limit, uint32_t connections) {
  const auto count = [](uint32_t value) {
    return value == NP_MAIL_NO_COUNT ? std::nullopt : std::optional<uint64_t>(value);
  };
  const auto bytes = [](uint64_t value) { return value == NP_MAIL_NO_BYTES ? std::nullopt : std::optional(value); };
  const auto& [quarter, hour, day] = limit.windows;
  return {.messages_per_15min = count(quarter.messages),
          .recipients_per_15min = count(quarter.recipients),
          .bytes_per_15min = bytes(quarter.bytes),
          .messages_per_hour = count(hour.messages),
          .recipients_per_hour = count(hour.recipients),
          .bytes_per_hour = bytes(hour.bytes),
          .messages_per_day = count(day.messages),
          .recipients_per_day = count(day.recipients),
          .bytes_per_day = bytes(day.bytes),
          .connections = connections == 0 ? std::nullopt : std::optional<uint64_t>(connections)};
}

std::string limit_text(uint32_t verdict, const np_mail_limit& limit) {
  verdict %= NP_MAIL_LEVEL;
  const uint32_t window = std::min<uint32_t>(verdict / 4, NP_MAIL_DAY);
  const np_mail_amount& most = limit.windows[window];
  const uint32_t quantity = verdict % 4;
  const uint64_t number = number_of(most, quantity == 0 ? 0 : quantity - 1);
  return std::to_string(number) + " " + kQuantities[quantity] + " " + kSpans[window];
}

std::string_view limit_name(uint32_t verdict) {
  verdict %= NP_MAIL_LEVEL;
  const size_t at = size_t{verdict / 4} * kOfAWindow + (verdict % 4) - 1;
  return verdict % 4 == 0 || at >= kWindowFields ? "" : kMailFields[at].name;
}

uint64_t newest_cell(const np_mail_budget& budget, np_mail_window window, uint64_t now_ns) {
  return std::max<uint64_t>(now_ns / NP_MAIL_CELL_NS, budget.cell) / np_mail_cells_a_step(window);
}

np_mail_amount sent_before(const np_mail_budget& budget, np_mail_window window, uint64_t cell) {
  if (cell > budget.cell / np_mail_cells_a_step(window)) return budget.sent;
  return budget.marks[window][cell % NP_MAIL_CELLS];
}

np_mail_amount sent(const np_mail_budget& budget, np_mail_window window, uint64_t now_ns) {
  return sent_until(budget, window, newest_cell(budget, window, now_ns));
}

uint64_t sent_of(const MailFigures& figures, const MailField& field) {
  const size_t at = place_of(field);
  return at < kWindowFields ? number_of(figures.sent[at / kOfAWindow], at) : 0;
}

std::optional<uint64_t> limit_of(const MailFigures& figures, const MailField& field) {
  const size_t at = place_of(field);
  if (at >= kWindowFields) return std::nullopt;
  const uint64_t number = number_of(figures.limit.windows[at / kOfAWindow], at);
  const uint64_t none = at % kOfAWindow == 2 ? NP_MAIL_NO_BYTES : NP_MAIL_NO_COUNT;
  return number == none ? std::nullopt : std::optional(number);
}

uint32_t never_fits(const np_mail_amount& more, const np_mail_limit& limit, uint32_t verdict) {
  if (verdict >= NP_MAIL_LEVEL) return NP_MAIL_FITS;  // another account's limit
  const np_mail_amount nothing{};
  const uint32_t over = np_mail_over(&nothing, &more, &limit.windows[std::min<uint32_t>(verdict / 4, NP_MAIL_DAY)]);
  if (over != verdict % 4 || over == NP_MAIL_MESSAGES) return NP_MAIL_FITS;
  return over;
}

std::optional<uint64_t> fits_in_s(const np_mail_budget& budget, const np_mail_limit& limit, const np_mail_amount& more,
                                  uint64_t now_ns) {
  uint64_t latest_ns = now_ns;
  for (const auto window : {NP_MAIL_QUARTER, NP_MAIL_HOUR, NP_MAIL_DAY}) {
    const uint64_t now = newest_cell(budget, window, now_ns);
    uint64_t cell = now;
    for (auto sum = sent_until(budget, window, cell); np_mail_over(&sum, &more, &limit.windows[window]) != NP_MAIL_FITS;
         sum = sent_until(budget, window, cell)) {
      if (cell > now + NP_MAIL_CELLS) return std::nullopt;
      latest_ns = std::max<uint64_t>(latest_ns, ++cell * np_mail_cells_a_step(window) * NP_MAIL_CELL_NS);
    }
  }
  return (latest_ns - now_ns + NP_SECOND_NS - 1) / NP_SECOND_NS;
}

}  // namespace npanel
