// SPDX-License-Identifier: Apache-2.0
// reputation.h: is an account's mail wanted where it goes?
#pragma once

#include <array>
#include <cstdint>
#include <deque>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "model/delivery_outcome.h"

namespace npanel {

// Recipients, by what became of them.
struct Deliveries {
  std::array<uint64_t, kAllOutcomes.size()> counts{};
  uint64_t pending = 0;  // of the deferred_recipient: so new that greylisting may be all there is to it

  [[nodiscard]] uint64_t& operator[](Outcome outcome) { return counts[static_cast<size_t>(outcome)]; }
  [[nodiscard]] uint64_t operator[](Outcome outcome) const { return counts[static_cast<size_t>(outcome)]; }
  [[nodiscard]] uint64_t total() const;
  // Of which the account itself is judged: accepted, unknown, deferred and not pending, content.
  [[nodiscard]] uint64_t judged() const;
  [[nodiscard]] uint64_t deferred() const { return (*this)[Outcome::deferred_recipient] - pending; }
  bool operator==(const Deliveries&) const = default;
};

// One recipient of an account's mail. Who is tried often counts once.
struct Recipient {
  int64_t at_s = 0;  // of any clock that does not go back
  uint64_t id = 0;   // a hash of the address
  uint32_t destination = 0;
  Verdict verdict = {};
  bool decided = false;  // taken or refused for good: a message's end outweighs its tries
  bool spent = false;    // has been the evidence for a throttle
};

// What is not the accounts' fault, because it meets most who send there: counted as `server`.
class Excuses {
 public:
  void excuse(uint32_t destination, Outcome outcome);
  void excuse_everywhere(Outcome outcome) { everywhere_ |= bit(outcome); }
  [[nodiscard]] bool has(uint32_t destination, Outcome outcome) const;
  bool operator==(const Excuses&) const = default;

 private:
  static uint8_t bit(Outcome outcome) { return static_cast<uint8_t>(1U << static_cast<unsigned>(outcome)); }
  std::vector<uint8_t> by_destination_;
  uint8_t everywhere_ = 0;
};

enum class Counting : uint8_t { all, fresh };

// An account's last hour: its newest recipients, each once.
class DeliveryHour {
 public:
  static constexpr int64_t kHourS = 3600;
  static constexpr size_t kRecipientsMost = 1024;

  // Keeps the newest `most`.
  void add(const Recipient& recipient, size_t most = kRecipientsMost);
  void forget_old(int64_t now_s);
  [[nodiscard]] Deliveries sum(int64_t now_s, const Excuses& excuses = {}, Counting counting = Counting::all) const;
  // What is known so far has throttled the account: a second throttle needs more.
  void spend();
  template <typename Number>
  void renumber(Number number) {
    for (Recipient& each : recipients_) each.destination = number(each.destination);
  }
  [[nodiscard]] const std::deque<Recipient>& recipients() const { return recipients_; }

 private:
  std::deque<Recipient> recipients_;  // the oldest first
};

// When is an account throttled? A percentage of 0 never throttles.
struct ThrottleRule {
  uint64_t unknown_percent = 20;   // of the recipients of the last hour: 0 … 100
  uint64_t deferred_percent = 60;  // likewise
  uint64_t content_percent = 5;    // likewise
  uint64_t least = 20;             // recipients that an hour must have for a percentage to mean something: 1 … 1000000;
                                   // of spam verdicts a quarter is enough. More than kRecipientsMost are as many.
  uint64_t minutes = 60;           // how long at most: 1 … 10080, a week
};

enum class ThrottleCause : uint8_t { unknown, deferred, content };
inline constexpr std::array kAllThrottleCauses = {ThrottleCause::unknown, ThrottleCause::deferred,
                                                  ThrottleCause::content};
// "unknown_recipients", "deferrals", "content"
[[nodiscard]] const char* to_string(ThrottleCause cause);
[[nodiscard]] std::optional<ThrottleCause> parse_throttle_cause(std::string_view text);
[[nodiscard]] Outcome outcome_of(ThrottleCause cause);

// An account whose limits are tightened (effective_mail_limits), until then or until the cause is under its bound.
struct MailThrottle {
  ThrottleCause cause = ThrottleCause::unknown;
  uint64_t percent = 0;  // of the recipients of that hour
  int64_t until_ms = 0;  // Unix time

  bool operator==(const MailThrottle&) const = default;
};
// nullopt: the hour is within the rule. Spam verdicts are looked at first: there is no stronger sign.
[[nodiscard]] std::optional<MailThrottle> throttle_for(const Deliveries& hour, const ThrottleRule& rule,
                                                       int64_t now_ms);
[[nodiscard]] bool is_over_bound(ThrottleCause cause, const Deliveries& hour, const ThrottleRule& rule);
// Does the account's DNS need mending, in how many percent of its mail? It is told, and never throttled for it.
[[nodiscard]] std::optional<uint64_t> dns_fault_percent(const Deliveries& hour);
// "30 % of the recipients of an hour do not exist"
[[nodiscard]] std::string reason_text(const MailThrottle& throttle);
// What its owner is to do, one sentence without a full stop. Of `authentication` and the outcomes of throttles;
// else "".
[[nodiscard]] std::string_view advice(Outcome outcome);

// What was answered to whom, for people to read. Of both texts the other side has the choice.
struct DeliveryExample {
  Outcome outcome = Outcome::unclear;
  std::string domain = {};  // the recipient's, at most 64 bytes
  std::string answer = {};  // at most 160 bytes
  int64_t at_s = 0;

  bool operator==(const DeliveryExample&) const = default;
};

}  // namespace npanel
