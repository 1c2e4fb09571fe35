// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <iostream>

#include "cmd/npanelctl/cells.h"
#include "cmd/npanelctl/config_answer.h"
#include "cmd/npanelctl/config_commands.h"
#include "cmd/npanelctl/config_rollback.h"
#include "cmd/npanelctl/config_unit.h"
#include "cmd/npanelctl/format.h"
#include "daemon/config_layer.h"

namespace npanel {
namespace {

using nlohmann::ordered_json;

constexpr int kWrong = 1;

void print(const ordered_json& body) {
  std::cout << body.dump(-1, ' ', false, ordered_json::error_handler_t::replace) << '\n';
}

ordered_json source_json(const ConfigValue::Source& source) {
  return {{"value", source.value}, {"origin", source.origin}};
}

// As GET /api/v1/config has it.
ordered_json value_json(const ConfigValue& value) {
  ordered_json body{{"key", value.key}, {"value", value.now.value}, {"origin", value.now.origin}};
  body["hidden"] = ordered_json::array();
  for (const ConfigValue::Source& source : value.hidden) body["hidden"].push_back(source_json(source));
  body["needs_restart"] = value.needs_restart;
  return body;
}

int run_check(const LoadedConfig& loaded, bool json) {
  const auto forbidden = forbidden_by_unit(loaded.config);
  if (json) {
    auto files = ordered_json::array();
    for (const auto& [path, text] : loaded.files) files.push_back(path);
    ordered_json body{{"status", forbidden ? "forbidden" : "ok"}, {"files", files}};
    if (forbidden) body["reason"] = *forbidden;
    print(body);
  } else {
    std::cout << forbidden.value_or("ok") << '\n';
  }
  return forbidden ? kWrong : 0;
}

// What puts a change of the key in force.
std::string remedy(const ConfigValue& value) {
  if (value.needs_restart) return "systemctl restart npanel-agent npanel-watchdog";
  return "npanelctl reload";
}

std::string explained(const ConfigValue& value) {
  Pairs pairs{{"key", value.key}, {"value", value.now.value}, {"origin", value.now.origin}};
  for (const ConfigValue::Source& source : value.hidden)
    pairs.emplace_back("hides", source.value + ", " + source.origin);
  pairs.emplace_back("a change takes effect with", remedy(value));
  return key_values(pairs);
}

int explain_one(const LoadedConfig& loaded, const std::string& key, bool json) {
  const auto found = std::ranges::find(loaded.values, key, &ConfigValue::key);
  if (found == loaded.values.end()) return complain(unknown_key(key).text, kWrong);
  if (json)
    print(value_json(*found));
  else
    std::cout << explained(*found);
  return 0;
}

int explain_all(const LoadedConfig& loaded, bool json) {
  if (json) {
    auto list = ordered_json::array();
    for (const ConfigValue& value : loaded.values) list.push_back(value_json(value));
    print({{"values", list}});
    return 0;
  }
  Table table({"KEY", "VALUE", "ORIGIN"});
  for (const ConfigValue& value : loaded.values) table.add({value.key, value.now.value, value.now.origin});
  std::cout << table.text();
  return 0;
}

// By key: what the agent has in force. Empty when it does not say.
std::map<std::string, ConfigValue::Source> effective_values(const std::string& socket) {
  std::map<std::string, ConfigValue::Source> values;
  const auto answer = ask_agent(socket, {"GET", "/api/v1/config", {}});
  if (!answer) return values;
  const nlohmann::json body = *answer;
  for (const nlohmann::json& value : field(body, "values"))
    values[plain(field(value, "key"))] = {.value = plain(field(value, "value")),
                                          .origin = plain(field(value, "origin"))};
  return values;
}

struct Difference {
  const ConfigValue& on_disk;
  std::optional<ConfigValue::Source> effective;  // nullopt: the agent does not say

  [[nodiscard]] bool is_effective() const { return effective && effective->value == on_disk.now.value; }
};

const std::string& built_in(const ConfigValue& value) {
  return value.hidden.empty() ? value.now.value : value.hidden.back().value;
}

std::vector<Difference> differences(const LoadedConfig& loaded,
                                    const std::map<std::string, ConfigValue::Source>& effective) {
  std::vector<Difference> found;
  for (const ConfigValue& value : loaded.values) {
    Difference difference{.on_disk = value, .effective = std::nullopt};
    if (const auto there = effective.find(value.key); there != effective.end()) difference.effective = there->second;
    const bool waits = difference.effective && !difference.is_effective();
    if (value.now.value != built_in(value) || waits) found.push_back(difference);
  }
  return found;
}

int run_diff(const LoadedConfig& loaded, const std::string& socket, bool json) {
  Table table({"KEY", "VALUE", "ORIGIN", "EFFECTIVE"});
  auto list = ordered_json::array();
  for (const Difference& difference : differences(loaded, effective_values(socket))) {
    const auto& [value, effective] = difference;
    ordered_json body = value_json(value);
    body["effective"] = effective ? source_json(*effective) : ordered_json();
    list.push_back(std::move(body));
    const std::string other = effective ? "no: " + effective->value + ", " + effective->origin : kUnavailable;
    table.add({value.key, value.now.value, value.now.origin, difference.is_effective() ? "yes" : other});
  }
  if (json)
    print({{"values", list}});
  else
    std::cout << table.text();
  return 0;
}

}  // namespace

int run_config(const ConfigCommand& command, const std::string& socket, bool sure, bool json) {
  using What = ConfigCommand::What;
  if (command.what == What::rollback) return run_rollback(command.version, socket, sure, json);
  const auto loaded = load_config(command.sources);
  if (!loaded) return complain(loaded.error().text, kWrong);
  if (command.what == What::check) return run_check(*loaded, json);
  if (command.what == What::diff) return run_diff(*loaded, socket, json);
  return command.key.empty() ? explain_all(*loaded, json) : explain_one(*loaded, command.key, json);
}

}  // namespace npanel
