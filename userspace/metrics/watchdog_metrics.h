// SPDX-License-Identifier: Apache-2.0
// watchdog_metrics.h: how does Prometheus read what the watchdog knows, the agent dead or alive?
#pragma once

#include <string>

#include "model/recovery.h"

namespace npanel {

[[nodiscard]] std::string render_metrics(const WatchdogStatus& status);

}  // namespace npanel
