// SPDX-License-Identifier: Apache-2.0
// config_unit.h: does the agent's unit let it do what the configuration asks for?
#pragma once

#include <optional>
#include <string>

#include "daemon/config.h"

namespace npanel {

// What is forbidden, and what would be right. nullopt: nothing, or there is no systemd or no such unit to ask.
[[nodiscard]] std::optional<std::string> forbidden_by_unit(const Config& config);

}  // namespace npanel
