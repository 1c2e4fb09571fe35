// SPDX-License-Identifier: Apache-2.0
// log.h: what does the administrator read in the journal?
#pragma once

#include <cstdint>
#include <string_view>

namespace npanel {

// One line each to stderr; under systemd with the priority prefix of sd-daemon(3). Control characters in the text (a
// command name is the process's own choice) are shown as '?'.
//
// Never waits: a line that whoever reads does not take at once (a journal that hangs, a full pipe) is lost, and
// counted; the first one that gets through again is followed by one that says how many were.
void log_info(std::string_view text);
void log_warning(std::string_view text);
void log_error(std::string_view text);
[[nodiscard]] uint64_t log_lines_lost();

}  // namespace npanel
