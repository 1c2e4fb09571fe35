// SPDX-License-Identifier: Apache-2.0
#include "model/in_force.h"

#include <algorithm>

namespace npanel {

static_assert(static_cast<uint32_t>(SmtpMode::off) == NP_GATE_OFF &&
              static_cast<uint32_t>(SmtpMode::observe) == NP_GATE_OBSERVE &&
              static_cast<uint32_t>(SmtpMode::enforce) == NP_GATE_ENFORCE);

Account in_force(Account account, const Gates& gates) {
  if (gates.mode_for(NP_CGROUPS_ISOLATION, account.name) == GateMode::off)
    for (const LimitField& field : kLimitFields) (account.limits.*field.member).reset();
  const auto most = static_cast<SmtpMode>(gates.mode_for(NP_EMAIL_RATE_LIMITING, account.name));
  account.rate_limit.mode = std::min(account.rate_limit.mode, most);
  return account;
}

}  // namespace npanel
