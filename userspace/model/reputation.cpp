// SPDX-License-Identifier: Apache-2.0
#include "model/reputation.h"

#include <algorithm>
#include <numeric>

namespace npanel {
namespace {

constexpr int64_t kMsAMinute = 60'000;
constexpr uint64_t kWhole = 100;
// Exim tries again after 15 minutes, Postfix after 5: who was only greylisted has it by then.
constexpr int64_t kSettledS = 1200;
constexpr uint64_t kContentWeight = 4;
constexpr uint64_t kDnsPercent = 20;
constexpr uint64_t kDnsLeast = 5;

uint64_t percent_of(uint64_t part, uint64_t whole) {
  return whole == 0 ? 0 : part * kWhole / whole;
}

bool is_share_over(uint64_t part, uint64_t whole, uint64_t percent) {
  return percent != 0 && part > 0 && part * kWhole >= whole * percent;
}

// Of two outcomes for one address, which says more? An account cannot hide a refusal behind a later success.
int weight(const Recipient& recipient) {
  if (!recipient.decided) return recipient.verdict.outcome == Outcome::deferred_recipient ? 1 : 0;
  switch (recipient.verdict.outcome) {
    case Outcome::content:
      return 6;
    case Outcome::unknown_recipient:
      return 5;
    case Outcome::accepted:
      return 4;
    case Outcome::deferred_recipient:
      return 3;
    default:
      return 2;
  }
}

uint64_t part_of(ThrottleCause cause, const Deliveries& hour) {
  return cause == ThrottleCause::deferred ? hour.deferred() : hour[outcome_of(cause)];
}

}  // namespace

uint64_t Deliveries::total() const {
  return std::accumulate(counts.begin(), counts.end(), uint64_t{0});
}

uint64_t Deliveries::judged() const {
  return (*this)[Outcome::accepted] + (*this)[Outcome::unknown_recipient] + deferred() + (*this)[Outcome::content];
}

void Excuses::excuse(uint32_t destination, Outcome outcome) {
  if (by_destination_.size() <= destination) by_destination_.resize(destination + size_t{1});
  by_destination_[destination] |= bit(outcome);
}

bool Excuses::has(uint32_t destination, Outcome outcome) const {
  const uint8_t there = destination < by_destination_.size() ? by_destination_[destination] : uint8_t{0};
  return ((there | everywhere_) & bit(outcome)) != 0;
}

void DeliveryHour::add(const Recipient& recipient, size_t most) {
  const auto known = std::ranges::find(recipients_, recipient.id, &Recipient::id);
  if (known != recipients_.end()) {
    const bool is_old = known->at_s <= recipient.at_s - kHourS;
    if (!is_old && weight(recipient) <= weight(*known)) return;
    recipients_.erase(known);
  }
  recipients_.push_back(recipient);
  while (recipients_.size() > most) recipients_.pop_front();
}

void DeliveryHour::forget_old(int64_t now_s) {
  while (!recipients_.empty() && recipients_.front().at_s <= now_s - kHourS) recipients_.pop_front();
}

Deliveries DeliveryHour::sum(int64_t now_s, const Excuses& excuses, Counting counting) const {
  Deliveries sum;
  for (const Recipient& each : recipients_) {
    if (each.at_s <= now_s - kHourS || (each.spent && counting == Counting::fresh)) continue;
    const Outcome said = each.verdict.outcome;
    const Outcome outcome = excuses.has(each.destination, said) ? Outcome::server : said;
    ++sum[outcome];
    if (outcome == Outcome::deferred_recipient && !each.decided && each.at_s > now_s - kSettledS) ++sum.pending;
  }
  return sum;
}

void DeliveryHour::spend() {
  for (Recipient& each : recipients_) each.spent = true;
}

const char* to_string(ThrottleCause cause) {
  constexpr std::array kNames = {"unknown_recipients", "deferrals", "content"};
  return kNames.at(static_cast<size_t>(cause));
}

std::optional<ThrottleCause> parse_throttle_cause(std::string_view text) {
  for (const ThrottleCause cause : kAllThrottleCauses)
    if (text == to_string(cause)) return cause;
  return std::nullopt;
}

Outcome outcome_of(ThrottleCause cause) {
  if (cause == ThrottleCause::content) return Outcome::content;
  return cause == ThrottleCause::unknown ? Outcome::unknown_recipient : Outcome::deferred_recipient;
}

bool is_over_bound(ThrottleCause cause, const Deliveries& hour, const ThrottleRule& rule) {
  const uint64_t least = std::min<uint64_t>(rule.least, DeliveryHour::kRecipientsMost);
  const uint64_t part = part_of(cause, hour);
  if (cause == ThrottleCause::content)
    return part * kContentWeight >= least && is_share_over(part, hour.judged(), rule.content_percent);
  const uint64_t percent = cause == ThrottleCause::unknown ? rule.unknown_percent : rule.deferred_percent;
  return hour.judged() >= least && is_share_over(part, hour.judged(), percent);
}

std::optional<MailThrottle> throttle_for(const Deliveries& hour, const ThrottleRule& rule, int64_t now_ms) {
  for (const ThrottleCause cause : {ThrottleCause::content, ThrottleCause::unknown, ThrottleCause::deferred})
    if (is_over_bound(cause, hour, rule))
      return MailThrottle{.cause = cause,
                          .percent = percent_of(part_of(cause, hour), hour.judged()),
                          .until_ms = now_ms + static_cast<int64_t>(rule.minutes) * kMsAMinute};
  return std::nullopt;
}

std::optional<uint64_t> dns_fault_percent(const Deliveries& hour) {
  const uint64_t part = hour[Outcome::authentication];
  const uint64_t whole = hour.judged() + part;
  const bool is_fault = part >= kDnsLeast && is_share_over(part, whole, kDnsPercent);
  return is_fault ? std::optional(percent_of(part, whole)) : std::nullopt;
}

std::string reason_text(const MailThrottle& throttle) {
  constexpr std::array kWhat = {"do not exist", "were deferred by their servers", "were refused it as spam or malware"};
  return std::to_string(throttle.percent) + " % of the recipients of an hour " +
         kWhat.at(static_cast<size_t>(throttle.cause));
}

std::string_view advice(Outcome outcome) {
  switch (outcome) {
    case Outcome::unknown_recipient:
      return "take the addresses that do not exist off the list; if this is not the owner's mail, look for a script or "
             "a "
             "password that others use";
    case Outcome::deferred_recipient:
      return "send less at a time, and take mailboxes that stay full off the list";
    case Outcome::content:
      return "look for a script or a password that others use; a newsletter needs its recipients' consent";
    case Outcome::authentication:
      return "mend SPF, DKIM and DMARC of the sender's domain, and the server's reverse name";
    default:
      return "";
  }
}

}  // namespace npanel
