// SPDX-License-Identifier: Apache-2.0
// command_line.h: what do the daemons' command lines have in common?
#pragma once

#include <sys/types.h>

#include <functional>
#include <optional>
#include <string>

#include "base/result.h"
#include "daemon/config_load.h"

namespace npanel {

// What one of them looks at instead of running; 0 when all is well.
struct DaemonCheck {
  std::string flag;
  std::string purpose;
  std::function<int()> run;
};

// --config FILE, --set KEY=VALUE, --check-config, --version, --help; then `run`, with the places to load again from.
// Returns the exit code: 0; 1 when `run` failed; 2 for a configuration that cannot be used; what a check returns.
int run_daemon(int argc, char** argv, const std::string& purpose,
               const std::function<Result<void>(const LoadedConfig&, const ConfigSources&)>& run,
               const std::optional<DaemonCheck>& check = {});

// What a package makes, for a daemon that is started by hand. Errors show when the file in it is opened.
void make_directory_of(const std::string& path, mode_t mode);

}  // namespace npanel
