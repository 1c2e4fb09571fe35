// SPDX-License-Identifier: Apache-2.0
#include "daemon/config.h"

#include <filesystem>

namespace npanel {

std::string Config::failure_directory() const {
  return std::filesystem::path(database).replace_filename("failures").string();
}

std::string Config::watchdog_memory() const {
  return std::filesystem::path(database).replace_filename("watchdog.json").string();
}

std::string Config::notice_directory() const {
  return std::filesystem::path(database).replace_filename("notices").string();
}

std::string Config::scratch_directory() const {
  return std::filesystem::path(socket).parent_path().string();
}

}  // namespace npanel
