// SPDX-License-Identifier: Apache-2.0
// effective.h: which limits are effective, of those that the administrator has said?
#pragma once

#include <string>
#include <vector>

#include "model/account.h"
#include "model/feature.h"

namespace npanel {

// What the agent applies to an account at this moment; whether the kernel enforces it is another question (degraded).
struct EffectiveLimits {
  Limits limits = {};
  SmtpLimit smtp = {};
  MailLimits mail = {};

  bool operator==(const EffectiveLimits&) const = default;
};

// The same with "no limit" where the feature is off for the account, and why in words, as sentences of an
// administrator.
[[nodiscard]] EffectiveLimits with_features(EffectiveLimits limits, const std::string& account,
                                            const Features& features);
[[nodiscard]] std::vector<std::string> reasons_of_features(const std::string& account, const Features& features);

// The account with "no limit" where the feature is off for it. A suspended account stays so: that is no limit.
[[nodiscard]] Account effective(Account account, const Features& features);

}  // namespace npanel
