// SPDX-License-Identifier: Apache-2.0
// history_routes.h: what happened, and who did it?
#pragma once

#include <vector>

#include "api/route.h"
#include "core/ledger.h"

namespace npanel {

// Events, the audit trail, and deaths and hangs of the agent.
[[nodiscard]] std::vector<Route> history_routes(Ledger& ledger);

}  // namespace npanel
