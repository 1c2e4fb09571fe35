// SPDX-License-Identifier: Apache-2.0
// reputation.h: is an account's mail wanted where it goes?
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>

namespace npanel {

// What became of one recipient of a message.
enum class Delivery {
  accepted,
  unknown,   // there is no such recipient, or no such domain: RFC 3463 x.1.x, 5.4.4
  deferred,  // the other side wants it later: an SMTP reply of 4xx
};

struct Deliveries {
  uint64_t accepted = 0;
  uint64_t unknown = 0;
  uint64_t deferred = 0;

  [[nodiscard]] uint64_t total() const { return accepted + unknown + deferred; }
  bool operator==(const Deliveries&) const = default;
};

// Of the last hour, in steps of five minutes: what is told counts for at least 55 minutes. Seconds of any clock that
// does not go back.
class DeliveryHour {
 public:
  void add(Delivery what, int64_t now_s);
  [[nodiscard]] Deliveries sum(int64_t now_s) const;

 private:
  static constexpr int64_t kStepS = 300;
  static constexpr size_t kSteps = 12;
  struct Step {
    int64_t at = -1;  // now_s / kStepS
    Deliveries deliveries = {};
  };
  std::array<Step, kSteps> steps_{};
};

// When is an account braked? A percentage of 0 never brakes.
struct BrakeRule {
  uint64_t unknown_percent = 20;   // of the recipients of the last hour: 0 … 100
  uint64_t deferred_percent = 60;  // likewise
  uint64_t least = 20;             // recipients that an hour must have for a percentage to mean something: 1 … 1000000
  uint64_t minutes = 60;           // how long; then the hour is judged again: 1 … 10080, a week
};

enum class BrakeCause { unknown, deferred };
// "unknown_recipients", "deferrals"
[[nodiscard]] const char* to_string(BrakeCause cause);
[[nodiscard]] std::optional<BrakeCause> parse_brake_cause(std::string_view text);

// An account whose limits are tightened (mail_in_force) until then.
struct MailBrake {
  BrakeCause cause = BrakeCause::unknown;
  uint64_t percent = 0;  // of the recipients of that hour
  int64_t until_ms = 0;  // Unix time

  bool operator==(const MailBrake&) const = default;
};
// nullopt: the hour is within the rule.
[[nodiscard]] std::optional<MailBrake> brake_for(const Deliveries& hour, const BrakeRule& rule, int64_t now_ms);
// "30 % of the recipients of an hour do not exist"
[[nodiscard]] std::string reason_text(const MailBrake& brake);

}  // namespace npanel
