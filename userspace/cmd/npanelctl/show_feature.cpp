// SPDX-License-Identifier: Apache-2.0
#include <nlohmann/json.hpp>

#include "cmd/npanelctl/cells.h"
#include "cmd/npanelctl/format.h"
#include "cmd/npanelctl/show.h"

namespace npanel {
namespace {

using nlohmann::json;

std::string state(const json& feature) {
  if (field(feature, "available") == false) return "not built";
  if (!field(feature, "switched_off").is_null()) return "off by itself";
  return field(feature, "enabled") == true ? "on" : "off";
}

// What is not switched for each account is so for the whole server.
std::string per_account(const json& feature, const char* name, const char* unit) {
  const json& value = field(feature, name);
  return field(feature, "per_account") == false || value.is_null() ? kUnavailable : plain(value) + unit;
}

std::string cost_text(const json& cost) {
  const auto percent = [&cost](const char* name) {
    const json& value = field(cost, name);
    return value.is_number() ? fixed(value.get<double>(), 3) + "%" : plain(value);
  };
  return "kernel " + percent("kernel_percent") + ", agent " + percent("agent_percent") + " of one core, memory " +
         size(field(cost, "memory_bytes"));
}

}  // namespace

std::string features_view(const json& answer) {
  Table table({"NAME", "STATE", "MODE", ">ROLLOUT", ">ACCOUNTS", "SUMMARY"});
  for (const json& feature : field(answer, "features"))
    table.add({plain(field(feature, "name")), state(feature), plain(field(feature, "mode")),
               per_account(feature, "rollout", "%"), per_account(feature, "accounts_on", ""),
               plain(field(feature, "summary"))});
  return table.text();
}

std::string feature_view(const json& answer) {
  Pairs pairs = {
      {"name", plain(field(answer, "name"))}, {"summary", plain(field(answer, "summary"))}, {"state", state(answer)}};
  if (const json& why = field(answer, "switched_off"); !why.is_null()) pairs.emplace_back("switched off", plain(why));
  if (const json& shed = field(answer, "shed"); shed.is_number() && shed != 0)
    pairs.emplace_back("telemetry", "left out for its cost, level " + plain(shed) + " of 2; limits hold");
  pairs.emplace_back("mode", plain(field(answer, "mode")) + " of " + joined(field(answer, "modes"), ", ", "none"));
  pairs.emplace_back("rollout", per_account(answer, "rollout", "%"));
  pairs.emplace_back("accounts", per_account(answer, "accounts_on", ""));
  for (const auto& [account, on] : field(answer, "overrides").items())
    pairs.emplace_back("override", account + (on == true ? " on" : " off"));
  if (const json& cost = field(answer, "cost"); !cost.is_null()) pairs.emplace_back("cost", cost_text(cost));
  return key_values(pairs);
}

}  // namespace npanel
