// SPDX-License-Identifier: Apache-2.0
// config_layer.h: what does one file, one variable or one flag say?
#pragma once

#include <map>
#include <string>
#include <string_view>

#include "base/result.h"
#include "daemon/config.h"

namespace npanel {

struct ConfigLayer {
  Config values;                               // built-in where `origins` is silent
  std::map<std::string, std::string> origins;  // by key: where it is said, "/etc/npanel/agent.toml:12"
};

// A file. Any bytes are fine to give; errors name `path`, line and key, and what would be right.
[[nodiscard]] Result<ConfigLayer> parse_layer(std::string_view text, const std::string& path);

// Is the environment variable meant for us? When its name is NPANEL_ and one of our sections, or nearly that of a key.
[[nodiscard]] bool is_config_variable(std::string_view name);

// NPANEL_SMTP_PORTS and "[25, 587]". A value is TOML; a text does without quotes as well.
[[nodiscard]] Result<ConfigLayer> parse_variable(const std::string& name, const std::string& value);

// The argument of --set: "smtp.ports=[25, 587]", value as above.
[[nodiscard]] Result<ConfigLayer> parse_set(const std::string& assignment);

// "smtp.portz is not a key of npanel-agent; did you mean smtp.ports?"
[[nodiscard]] Error unknown_key(const std::string& name);

}  // namespace npanel
