// SPDX-License-Identifier: Apache-2.0
#include "cmd/npanelctl/config_commands.h"

#include <CLI/CLI.hpp>
#include <memory>

#include "base/parse.h"
#include "cmd/npanelctl/cells.h"
#include "cmd/npanelctl/format.h"
#include "cmd/npanelctl/line.h"

namespace npanel {
namespace {

using What = ConfigCommand::What;

std::string config_versions_view(const nlohmann::json& answer) {
  Table table({">VERSION", "TIME", "ACTOR", "FILES"});
  for (const nlohmann::json& version : field(answer, "versions"))
    table.add({plain(field(version, "id")), plain(field(version, "time")), plain(field(version, "actor")),
               joined(field(version, "files"), " ", "none")});
  return table.text();
}

// What the options of these commands fill in; one of them runs.
using Config = std::shared_ptr<ConfigCommand>;

CLI::App* add_command(CLI::App& parent, Line& line, const Config& config, const char* name, const char* help,
                      What what) {
  CLI::App* app = parent.add_subcommand(name, help);
  app->callback([&line, config, what] {
    config->what = what;
    line.command.work = [config](const Command& command) {
      return run_config(*config, command.socket, command.sure, command.json);
    };
  });
  return app;
}

CLI::App* add_local(CLI::App& parent, Line& line, const Config& config, const char* name, const char* help, What what) {
  CLI::App* app = add_command(parent, line, config, name, help, what);
  const auto store_file = [config](const std::string& path) {
    config->sources.file = path;
    config->sources.file_required = true;
  };
  const auto store_sets = [config](const std::vector<std::string>& sets) { config->sources.sets = sets; };
  app->add_option_function<std::string>("--config", store_file, "The file, with its drop-ins beside it.")
      ->type_name("FILE")
      ->default_str(kDefaultConfig);
  app->add_option_function<std::vector<std::string>>("--set", store_sets,
                                                     "A value above all files, as the daemons take it; repeatable.")
      ->type_name("KEY=VALUE")
      ->allow_extra_args(false);
  return app;
}

void add_rollback(CLI::App& parent, Line& line, const Config& config) {
  CLI::App* app =
      add_command(parent, line, config, "rollback",
                  "Puts back the files of an earlier configuration and reloads; all or nothing.", What::rollback);
  const auto store_version = [config](const std::string& text) {
    const auto version = parse_u64(text);
    if (!version) throw CLI::ValidationError("ID must be a version's number; got \"" + text + "\"");
    config->version = version;
  };
  app->add_option_function<std::string>("ID", store_version, "Its version; without it, the one before that in force.")
      ->type_name("");
  app->add_flag("--yes", line.command.sure, "Do it; without it, only what would change is shown.");
}

}  // namespace

void add_config(Line& line) {
  CLI::App* app = line.app.add_subcommand("config", "Checks, explains and rolls back the daemons' configuration.");
  app->require_subcommand(1);
  const auto config = std::make_shared<ConfigCommand>();
  add_local(*app, line, config, "check", "Says what is wrong with the files; works without the agent.", What::check);
  CLI::App* explain = add_local(*app, line, config, "explain",
                                "Shows every value and where it comes from; of one key, also what it hides and what "
                                "puts a change in force. Works without the agent.",
                                What::explain);
  const auto store_key = [config](const std::string& key) { config->key = key; };
  explain->add_option_function<std::string>("KEY", store_key, "The key, such as smtp.ports; without it, all.")
      ->type_name("");
  add_local(*app, line, config, "diff",
            "Shows the values that are not the built-in ones, and which of them are not in force in the agent.",
            What::diff);
  app->add_subcommand("versions", "Lists the configurations that were in force, the newest first.")->callback([&line] {
    ask(line, config_versions_view, {"GET", "/api/v1/config/versions", {}});
  });
  add_rollback(*app, line, config);
}

}  // namespace npanel
