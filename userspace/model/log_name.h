// SPDX-License-Identifier: Apache-2.0
// log_name.h: what is a log called today? (Exim's log_file_path, "Where the log files are written")
#pragma once

#include <ctime>
#include <string>
#include <string_view>

namespace npanel {

// Is it an absolute path in which each % stands before D (20261127), M (202611) or s (main)?
[[nodiscard]] bool is_log_path(std::string_view path);

// With what stands for them in local time, as the MTA writes it.
[[nodiscard]] std::string log_name(std::string_view path, std::time_t now);

}  // namespace npanel
