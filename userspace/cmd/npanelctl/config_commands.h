// SPDX-License-Identifier: Apache-2.0
// config_commands.h: what may an administrator ask about the configuration?
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "daemon/config_load.h"

namespace npanel {

struct ConfigCommand {
  enum class What : uint8_t { check, explain, diff, rollback };
  What what = What::check;
  ConfigSources sources = {};            // without the environment: this one is not the daemons'
  std::string key = {};                  // to explain; empty: all of them
  std::optional<uint64_t> version = {};  // to roll back to; nullopt: the one before that in force
};

// Returns the exit code: 0; 1 when the configuration is wrong, or something was refused; 2 for a rollback that was not
// confirmed (`sure`), or not by root; 3 when the agent does not answer and is needed.
[[nodiscard]] int run_config(const ConfigCommand& command, const std::string& socket, bool sure, bool json);

}  // namespace npanel
