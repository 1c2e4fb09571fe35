// SPDX-License-Identifier: Apache-2.0
#include <CLI/CLI.hpp>

#include "cmd/npanelctl/line.h"
#include "cmd/npanelctl/options.h"

namespace npanel {
namespace {

using nlohmann::json;

constexpr const char* kWhat = "a feature's name";
constexpr NumberOption kRollout = {
    "--rollout", "/rollout", "The percentage of the accounts for which it is on.", Unit::kPercent, 0, 100, false};
constexpr NumberOption kPercent = {"PERCENT", "/rollout", "", Unit::kPercent, 0, 100, false};

std::string feature_path(const std::string& name) {
  require_name(name, kWhat);
  return "/api/v1/features/" + percent_encoded(name);
}

CLI::App* add(CLI::App& parent, Line& line, const char* command, const char* help) {
  return add_named(parent, line, command, help, "The feature's name.");
}

void change(Line& line) {
  ask(line, feature_view, {"PATCH", feature_path(line.name), dumped(line.body)});
}

void add_enable(CLI::App& parent, Line& line) {
  CLI::App* app = add(parent, line, "enable", "Switches the feature on, with the mode and for the accounts it had.");
  const auto store_mode = [&line](const std::string& mode) {
    if (mode != "observe" && mode != "enforce")
      throw CLI::ValidationError("--mode must be observe or enforce; got \"" + mode + "\"");
    line.body["mode"] = mode;
  };
  app->add_option_function<std::string>("--mode", store_mode,
                                        "With enforce, it acts; with observe, it only says what it would have done.")
      ->type_name("MODE");
  add_number_option(*app, kRollout, line.body);
  app->callback([&line] {
    line.body["enabled"] = true;
    change(line);
  });
}

void add_rollout(CLI::App& parent, Line& line) {
  CLI::App* app = add(parent, line, "rollout", "Sets for how many of the accounts the feature is on.");
  app->add_option("PERCENT", line.value, "0 to 100; those who had it keep it when it grows.")
      ->required()
      ->type_name("");
  app->callback([&line] {
    line.body["rollout"] = number_value(kPercent, line.value);
    change(line);
  });
}

// null: the percentage decides again.
json override_value(const std::string& word) {
  if (word == "clear") return nullptr;
  if (word != "on" && word != "off")
    throw CLI::ValidationError("the last word must be on, off or clear; got \"" + word + "\"");
  return word == "on";
}

void add_override(CLI::App& parent, Line& line) {
  CLI::App* app = add(parent, line, "override", "Switches the feature for one account, whatever the percentage says.");
  app->add_option("ACCOUNT", line.account, "The account's name.")->required()->type_name("");
  app->add_option("on|off|clear", line.value, "With clear, the percentage decides again.")->required()->type_name("");
  app->callback([&line] {
    line.body = {{"account", line.account}, {"enabled", override_value(line.value)}};
    ask(line, feature_view, {"POST", feature_path(line.name) + "/overrides", dumped(line.body)});
  });
}

}  // namespace

void add_feature(Line& line) {
  CLI::App* app = line.app.add_subcommand("feature", "Switches what the agent does, for all accounts or for some.");
  app->require_subcommand(1);
  app->add_subcommand("list", "Lists all features.")->callback([&line] {
    ask(line, features_view, {"GET", "/api/v1/features", {}});
  });
  add(*app, line, "show", "Shows one feature, its accounts and what it costs.")->callback([&line] {
    ask(line, feature_view, {"GET", feature_path(line.name), {}});
  });
  add_enable(*app, line);
  add(*app, line, "disable", "Switches the feature off; what it had changed is taken back.")->callback([&line] {
    line.body["enabled"] = false;
    change(line);
  });
  add_rollout(*app, line);
  add_override(*app, line);
}

}  // namespace npanel
