// SPDX-License-Identifier: Apache-2.0
// effective.h: which limits are effective, of those that the administrator has said?
#pragma once

#include "model/account.h"
#include "model/feature.h"

namespace npanel {

// The account with "no limit" where the feature is off for it. A suspended account stays so: that is no limit.
[[nodiscard]] Account effective(Account account, const Features& features);

}  // namespace npanel
