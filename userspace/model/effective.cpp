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

EffectiveLimits with_features(EffectiveLimits limits, const std::string& account, const Features& features) {
  const FeatureMode mail = features.mode_for(NP_EMAIL_RATE_LIMITING, account);
  if (features.mode_for(NP_CGROUPS_ISOLATION, account) == FeatureMode::off) limits.limits = kUnlimited;
  limits.smtp.mode = std::min(limits.smtp.mode, most(mail));
  if (mail == FeatureMode::off)
    for (const MailField& field : kMailFields) (limits.mail.*field.member).reset();
  return limits;
}

std::vector<std::string> reasons_of_features(const std::string& account, const Features& features) {
  std::vector<std::string> reasons;
  if (features.mode_for(NP_CGROUPS_ISOLATION, account) == FeatureMode::off)
    reasons.emplace_back("limits: cgroups_isolation is off for the account: nothing of them is enforced");
  const FeatureMode mail = features.mode_for(NP_EMAIL_RATE_LIMITING, account);
  if (mail == FeatureMode::off)
    reasons.emplace_back("mail, smtp: email_rate_limiting is off for the account: nothing of them is enforced");
  if (mail == FeatureMode::observe)
    reasons.emplace_back("mail, smtp: email_rate_limiting observes: what is over them is counted, and passes");
  return reasons;
}

Account effective(Account account, const Features& features) {
  const EffectiveLimits now = with_features({.limits = account.limits, .smtp = account.smtp}, account.name, features);
  account.limits = now.limits;
  account.smtp = now.smtp;
  return account;
}

}  // namespace npanel
