// SPDX-License-Identifier: Apache-2.0
// config_rollback.h: how does an administrator get back to a configuration that worked?
#pragma once

#include <cstdint>
#include <optional>
#include <string>

namespace npanel {

// The files of `version` (nullopt: of the one before that in force) take the place of those in /etc/npanel, and the
// agent loads them; when it refuses, the former files are back. Exit codes as of run_config().
[[nodiscard]] int run_rollback(std::optional<uint64_t> version, const std::string& socket, bool sure, bool json);

}  // namespace npanel
