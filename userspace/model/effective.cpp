// SPDX-License-Identifier: Apache-2.0
#include "model/effective.h"

#include <algorithm>

namespace npanel {

namespace {

SmtpMode most(FeatureMode mode) {
  if (mode == FeatureMode::off) return SmtpMode::off;
  return mode == FeatureMode::observe ? SmtpMode::observe : SmtpMode::enforce;
}

}  // namespace

Account effective(Account account, const Features& features) {
  if (features.mode_for(NP_CGROUPS_ISOLATION, account.name) == FeatureMode::off)
    for (const LimitField& field : kLimitFields) (account.limits.*field.member).reset();
  account.smtp.mode = std::min(account.smtp.mode, most(features.mode_for(NP_EMAIL_RATE_LIMITING, account.name)));
  return account;
}

}  // namespace npanel
