// SPDX-License-Identifier: Apache-2.0
// in_force.h: what of the limits that the administrator said do the features let through?
#pragma once

#include "model/account.h"
#include "model/feature.h"

namespace npanel {

// The account with "no limit" where the feature is off for it. A suspended account stays so: that is no limit.
[[nodiscard]] Account in_force(Account account, const Features& features);

}  // namespace npanel
