// SPDX-License-Identifier: Apache-2.0
// audit_entry.h: what is written down, and logged, about a change?
#pragma once

#include <optional>
#include <string>

#include "api/codec.h"
#include "model/audit.h"
#include "model/event.h"

namespace npanel {

// Who asks when nobody does.
[[nodiscard]] Caller agent_itself();

// A change that was made just now; before and after may be null.
[[nodiscard]] AuditEntry audit_entry(const Caller& caller, std::string action, std::optional<std::string> account,
                                     std::string target, const Json& before, const Json& after);

// What happens just now; without an account it is the server's. Text that is not UTF-8 is replaced.
[[nodiscard]] Event event_now(std::optional<std::string> account, std::string kind,
                              const Json& detail = Json::object());

}  // namespace npanel
