// SPDX-License-Identifier: Apache-2.0
#include "model/in_force.h"

#include <algorithm>

namespace npanel {

namespace {

SmtpMode most(GateMode gate) {
  if (gate == GateMode::off) return SmtpMode::off;
  return gate == GateMode::observe ? SmtpMode::observe : SmtpMode::enforce;
}

}  // namespace

Account in_force(Account account, const Gates& gates) {
  if (gates.mode_for(NP_CGROUPS_ISOLATION, account.name) == GateMode::off)
    for (const LimitField& field : kLimitFields) (account.limits.*field.member).reset();
  account.rate_limit.mode =
      std::min(account.rate_limit.mode, most(gates.mode_for(NP_EMAIL_RATE_LIMITING, account.name)));
  return account;
}

}  // namespace npanel
