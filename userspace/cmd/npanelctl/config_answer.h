// SPDX-License-Identifier: Apache-2.0
// config_answer.h: what does the agent say, or which exit code says that it does not?
#pragma once

#include <expected>
#include <nlohmann/json.hpp>
#include <string>

#include "cmd/npanelctl/client.h"

namespace npanel {

// One line on standard error.
int complain(const std::string& text, int exit_code);

// The agent's JSON object. The unexpected value is an exit code: it refused (1) or did not answer (3), and the reason
// is on standard error.
[[nodiscard]] std::expected<nlohmann::ordered_json, int> ask_agent(const std::string& socket, const Request& request);

}  // namespace npanel
