// SPDX-License-Identifier: Apache-2.0
// config_keys.h: which keys are there, and what may each of them say?
#pragma once

#include <toml++/toml.h>

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "daemon/config.h"

namespace npanel {

struct ConfigKey {
  std::string name;                                             // "smtp.ports"
  bool is_text;                                                 // outside of files it needs no quotes
  bool needs_restart;                                           // a reload leaves it as it is
  std::function<Result<void>(Config&, const toml::node&)> set;  // the error says what the value must be
  std::function<std::string(const Config&)> shown;              // as TOML
  std::function<void(Config& to, const Config& from)> copy;
  std::string leader = {};  // the key whose value it has while nobody says its own
  std::function<void(Config&)> follow = {};

  [[nodiscard]] std::string section() const { return name.substr(0, name.find('.')); }
  [[nodiscard]] std::string variable() const;
};

// The environment variable of a key: "NPANEL_SMTP_PORTS" of "smtp.ports".
[[nodiscard]] std::string config_variable(std::string_view key);

// In the order of the manual.
[[nodiscard]] const std::vector<ConfigKey>& config_keys();
[[nodiscard]] const ConfigKey* find_config_key(std::string_view name);  // nullptr: there is none

// `text` as a TOML string with its quotes.
[[nodiscard]] std::string toml_quoted(std::string_view text);

// What one key cannot say alone. Errors carry the key.
[[nodiscard]] Result<void> check_together(const Config& config);

}  // namespace npanel
