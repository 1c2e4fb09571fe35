// SPDX-License-Identifier: Apache-2.0
// account_view.h: what is shown of an account?
#pragma once

#include <string>
#include <vector>

#include "model/account.h"
#include "model/effective.h"
#include "model/feature.h"

namespace npanel {

struct AccountView {
  Account account;
  EffectiveLimits effective = {};            // what is applied now
  std::vector<std::string> reasons = {};     // why that is not what was said, a sentence each
  std::vector<std::string> degraded;         // one sentence for each limit that is not in force as asked for
  FeatureMode isolation = FeatureMode::off;  // what the features make of it now
  FeatureMode mail = FeatureMode::off;
};

}  // namespace npanel
