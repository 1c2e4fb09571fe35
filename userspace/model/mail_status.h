// SPDX-License-Identifier: Apache-2.0
// mail_status.h: what has an account sent, and why does it wait?
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "model/event.h"
#include "model/feature.h"
#include "model/mail.h"
#include "model/reputation.h"
#include "npanel/mail_query.h"
#include "npanel/smtp.h"

namespace npanel {

// What the agent itself has decided, and has to remember.
struct MailDecisions {
  std::optional<MailThrottle> throttle = {};
  int64_t noticed_ms = 0;      // when its owner was told last that mail is held back, Unix time; 0: never
  int64_t dns_noticed_ms = 0;  // likewise, that its DNS is wrong

  bool operator==(const MailDecisions&) const = default;
};

struct MailFigures {
  np_mail_count count{};
  np_mail_limit limit{};                               // in force now
  std::array<np_mail_amount, NP_MAIL_WINDOWS> sent{};  // that still counts
  Deliveries deliveries = {};                          // in the last hour, as far as the MTA has logged them
  bool throttled = false;
  uint64_t open = 0;  // direct connections now, where their number is limited

  [[nodiscard]] bool any() const { return sent[NP_MAIL_DAY].messages > 0; }
};

struct MailStatus {
  std::string account;
  FeatureMode mode = FeatureMode::off;
  MailLimits limits = {};  // in force now
  std::optional<MailRaise> raise = {};
  std::optional<MailThrottle> throttle = {};
  MailFigures figures = {};
  np_smtp_count direct{};
  std::optional<uint64_t> free_in_s = 0;  // until one more message fits; nullopt: it may send none at all
  std::vector<DeliveryExample> examples =
      {};                            // the newest first, at most 3 of each outcome that tells against somebody
  std::vector<Event> refusals = {};  // the newest first, at most 10
};

// One number of each of the first nine kMailFields; the tenth is the open connections.
[[nodiscard]] uint64_t sent_of(const MailFigures& figures, const MailField& field);
// Of the first nine, what is in force now; nullopt: no limit.
[[nodiscard]] std::optional<uint64_t> limit_of(const MailFigures& figures, const MailField& field);

}  // namespace npanel
