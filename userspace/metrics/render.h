// SPDX-License-Identifier: Apache-2.0
// render.h: how does Prometheus read it?
#pragma once

#include <span>
#include <string>

#include "model/stats.h"

namespace npanel {

// Text exposition format 0.0.4. A figure that the kernel does not offer has no series.
[[nodiscard]] std::string render_metrics(std::span<const AccountStats> accounts, const AgentStatus& agent);

}  // namespace npanel
