// SPDX-License-Identifier: Apache-2.0
// config_load.h: which value is in force when several places name one?
#pragma once

#include <map>
#include <string>
#include <vector>

#include "base/result.h"
#include "daemon/config.h"
#include "model/config_view.h"

namespace npanel {

constexpr const char* kVendorConfig = "/usr/lib/npanel/agent.toml";
constexpr const char* kDefaultConfig = "/etc/npanel/agent.toml";

using ConfigFiles = std::map<std::string, std::string>;  // path -> text

// The places, the lowest first; below them all are the built-in values.
struct ConfigSources {
  std::string vendor = kVendorConfig;                   // may be absent
  std::string file = kDefaultConfig;                    // the administrator's; its drop-ins follow, by name
  bool file_required = false;                           // it was named (--config): absent is an error
  std::map<std::string, std::string> environment = {};  // what is not ours in it is ignored
  std::vector<std::string> sets = {};                   // KEY=VALUE, the last one wins

  // "agent.d" of "agent.toml": of the files in it, those count that end in .toml and do not begin with a dot.
  [[nodiscard]] std::string drop_in_directory() const;
  // The administrator's file, or one that is or could be a drop-in of it.
  [[nodiscard]] bool is_ours(const std::string& path) const;
};

struct LoadedConfig {
  Config config;
  std::vector<ConfigValue> values;  // every key, in the order of the manual
  ConfigFiles files;                // the administrator's that exist
};

// Arrays and scalars are replaced whole by the higher place, tables merge key by key. The error has the first mistake
// of each place, "; " between them, each with file and line, key, and what would be right.
[[nodiscard]] Result<LoadedConfig> load_config(const ConfigSources& sources);

// The same with these files instead of the administrator's.
[[nodiscard]] Result<LoadedConfig> load_config(const ConfigSources& sources, ConfigFiles files);

// The administrator's files as they are, right or wrong. ENOENT: the required one is not there.
[[nodiscard]] Result<ConfigFiles> read_config_files(const ConfigSources& sources);

// The keys whose values differ.
[[nodiscard]] std::vector<std::string> changed_keys(const std::vector<ConfigValue>& before,
                                                    const std::vector<ConfigValue>& after);

// What a reload may put in force: `fresh`, but what needs a restart is still as in `running`. So changed_keys() from
// `running` to the result are in force, and those from the result to `fresh` wait for a restart.
[[nodiscard]] LoadedConfig until_restart(LoadedConfig fresh, const LoadedConfig& running);

}  // namespace npanel
