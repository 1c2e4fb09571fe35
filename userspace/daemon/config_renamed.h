// SPDX-License-Identifier: Apache-2.0
// config_renamed.h: what is a key of a former version called now?
#pragma once

#include <array>
#include <optional>
#include <string>
#include <string_view>

namespace npanel {

struct RenamedKey {
  std::string_view former;
  std::string_view name;
};
inline constexpr std::array kRenamedKeys = {RenamedKey{"mail.brake_unknown_percent", "mail.throttle_unknown_percent"},
                                            RenamedKey{"mail.brake_deferred_percent", "mail.throttle_deferred_percent"},
                                            RenamedKey{"mail.brake_content_percent", "mail.throttle_content_percent"},
                                            RenamedKey{"mail.brake_recipients", "mail.throttle_recipients"},
                                            RenamedKey{"mail.brake_minutes", "mail.throttle_minutes"},
                                            RenamedKey{"budget.agent_percent", "overhead.agent_percent"},
                                            RenamedKey{"budget.kernel_percent", "overhead.kernel_percent"},
                                            RenamedKey{"budget.memory_mb", "overhead.memory_mb"},
                                            RenamedKey{"budget.seconds", "overhead.seconds"},
                                            RenamedKey{"budget.drop_limits", "overhead.drop_limits"},
                                            RenamedKey{"defaults.rate_limit.per_minute", "defaults.smtp.per_minute"},
                                            RenamedKey{"defaults.rate_limit.burst", "defaults.smtp.burst"},
                                            RenamedKey{"defaults.rate_limit.mode", "defaults.smtp.mode"}};

// "mail.throttle_minutes" for "mail.brake_minutes"; nullopt when no key was ever called so.
[[nodiscard]] std::optional<std::string> new_name_of_key(std::string_view former);
// The same of environment variables.
[[nodiscard]] std::optional<std::string> new_name_of_variable(std::string_view former);

}  // namespace npanel
