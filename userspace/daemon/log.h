// SPDX-License-Identifier: Apache-2.0
// log.h: what does the administrator read in the journal?
#pragma once

#include <string_view>

namespace npanel {

// One line each to stderr; under systemd with the priority prefix of sd-daemon(3). Control characters in the text (a
// command name is the process's own choice) are shown as '?'.
void log_info(std::string_view text);
void log_warning(std::string_view text);
void log_error(std::string_view text);

}  // namespace npanel
