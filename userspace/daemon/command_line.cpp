// SPDX-License-Identifier: Apache-2.0
#include "daemon/command_line.h"

#include <sys/stat.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <filesystem>
#include <iostream>
#include <map>
#include <string_view>

#include "daemon/log.h"

namespace npanel {

namespace {

std::map<std::string, std::string> environment() {
  std::map<std::string, std::string> variables;
  for (char** entry = ::environ; *entry != nullptr; ++entry) {
    const std::string_view text = *entry;
    const auto equals = text.find('=');
    if (equals != std::string_view::npos) variables.emplace(text.substr(0, equals), text.substr(equals + 1));
  }
  return variables;
}

std::string names(const ConfigFiles& files) {
  std::string text;
  for (const auto& [path, content] : files) text += (text.empty() ? "" : ", ") + path;
  return text.empty() ? "built-in values" : text;
}

}  // namespace

int run_daemon(int argc, char** argv, const std::string& purpose,
               const std::function<Result<void>(const LoadedConfig&, const ConfigSources&)>& run,
               const std::optional<DaemonCheck>& check) {
  CLI::App app{purpose};
  ConfigSources sources{.environment = environment()};
  bool check_only = false;
  const CLI::Option* named =
      app.add_option("--config", sources.file,
                     std::string("TOML file; without it ") + kDefaultConfig + " if there is one, else built-in values");
  app.add_option("--set", sources.sets, "KEY=VALUE, above all files and the environment: smtp.ports=[25]; repeatable")
      ->allow_extra_args(false);
  app.add_flag("--check-config", check_only, "Read the configuration, say what is wrong with it, and end");
  bool look_only = false;
  if (check) app.add_flag(check->flag, look_only, check->purpose);
  app.set_version_flag("--version", NPANEL_VERSION);
  CLI11_PARSE(app, argc, argv);
  if (look_only) return check->run();

  sources.file_required = !named->empty();
  const auto loaded = load_config(sources);
  if (!loaded) {
    log_error(loaded.error().text);
    return 2;
  }
  if (check_only) {
    std::cout << names(loaded->files) << ": ok\n";
    return 0;
  }
  ::umask(077);  // whoever starts it: what is written is nobody else's business, unless it is said
  if (const auto ran = run(*loaded, sources); !ran) {
    log_error(ran.error().text);
    return 1;
  }
  return 0;
}

void make_directory_of(const std::string& path, mode_t mode) {
  const std::filesystem::path directory = std::filesystem::path(path).parent_path();
  std::error_code ignored;
  if (std::filesystem::create_directories(directory, ignored))
    std::filesystem::permissions(directory, std::filesystem::perms(mode), ignored);
}

}  // namespace npanel
