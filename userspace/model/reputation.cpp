// SPDX-License-Identifier: Apache-2.0
#include "model/reputation.h"

namespace npanel {
namespace {

constexpr int64_t kMsAMinute = 60'000;
constexpr uint64_t kWhole = 100;

uint64_t percent_of(uint64_t part, uint64_t whole) {
  return whole == 0 ? 0 : part * kWhole / whole;
}

bool is_over(uint64_t part, uint64_t whole, uint64_t percent) {
  return percent != 0 && part * kWhole >= whole * percent;
}

}  // namespace

void DeliveryHour::add(Delivery what, int64_t now_s) {
  const int64_t at = now_s / kStepS;
  Step& step = steps_[static_cast<size_t>(at) % kSteps];
  if (step.at != at) step = {.at = at};
  if (what == Delivery::accepted) ++step.deliveries.accepted;
  if (what == Delivery::unknown) ++step.deliveries.unknown;
  if (what == Delivery::deferred) ++step.deliveries.deferred;
}

Deliveries DeliveryHour::sum(int64_t now_s) const {
  const int64_t oldest = now_s / kStepS - static_cast<int64_t>(kSteps) + 1;
  Deliveries sum;
  for (const Step& step : steps_) {
    if (step.at < oldest) continue;
    sum.accepted += step.deliveries.accepted;
    sum.unknown += step.deliveries.unknown;
    sum.deferred += step.deliveries.deferred;
  }
  return sum;
}

const char* to_string(BrakeCause cause) {
  return cause == BrakeCause::unknown ? "unknown_recipients" : "deferrals";
}

std::optional<BrakeCause> parse_brake_cause(std::string_view text) {
  for (const BrakeCause cause : {BrakeCause::unknown, BrakeCause::deferred})
    if (text == to_string(cause)) return cause;
  return std::nullopt;
}

std::optional<MailBrake> brake_for(const Deliveries& hour, const BrakeRule& rule, int64_t now_ms) {
  const uint64_t total = hour.total();
  if (total < rule.least) return std::nullopt;
  const int64_t until_ms = now_ms + static_cast<int64_t>(rule.minutes) * kMsAMinute;
  if (is_over(hour.unknown, total, rule.unknown_percent))
    return MailBrake{.cause = BrakeCause::unknown, .percent = percent_of(hour.unknown, total), .until_ms = until_ms};
  if (is_over(hour.deferred, total, rule.deferred_percent))
    return MailBrake{.cause = BrakeCause::deferred, .percent = percent_of(hour.deferred, total), .until_ms = until_ms};
  return std::nullopt;
}

std::string reason_text(const MailBrake& brake) {
  const char* what = brake.cause == BrakeCause::unknown ? "do not exist" : "were deferred by their servers";
  return std::to_string(brake.percent) + " % of the recipients of an hour " + what;
}

}  // namespace npanel
