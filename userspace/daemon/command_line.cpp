// SPDX-License-Identifier: Apache-2.0
#include "daemon/command_line.h"

#include <unistd.h>

#include <CLI/CLI.hpp>
#include <filesystem>
#include <iostream>

#include "daemon/log.h"

namespace npanel {

int run_daemon(int argc, char** argv, const std::string& purpose,
               const std::function<Result<void>(const Config&)>& run) {
  CLI::App app{purpose};
  std::string path;
  bool check_only = false;
  app.add_option("--config", path,
                 std::string("TOML file; without it ") + kDefaultConfig + " if there is one, else built-in values");
  app.add_flag("--check-config", check_only, "Read the configuration, say what is wrong with it, and end");
  app.set_version_flag("--version", NPANEL_VERSION);
  CLI11_PARSE(app, argc, argv);

  if (path.empty() && ::access(kDefaultConfig, F_OK) == 0) path = kDefaultConfig;
  const auto config = path.empty() ? Result<Config>(Config{}) : read_config(path);
  if (!config) {
    log_error(config.error().text);
    return 2;
  }
  if (check_only) {
    std::cout << (path.empty() ? "built-in values" : path) << ": ok\n";
    return 0;
  }
  if (const auto ran = run(*config); !ran) {
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
