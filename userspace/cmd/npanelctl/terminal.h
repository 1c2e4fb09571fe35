// SPDX-License-Identifier: Apache-2.0
// terminal.h: what can standard output show, and what does Ctrl-C do?
#pragma once

#include <cstddef>
#include <optional>
#include <string>

namespace npanel {

// Its width now; nullopt when standard output is no terminal, or one that cannot redraw a line.
[[nodiscard]] std::optional<size_t> terminal_columns();
[[nodiscard]] bool wants_colour();  // no-color.org

// From now on SIGINT writes the text to standard error and ends the process with exit code 130.
void end_on_interrupt(std::string text);

}  // namespace npanel
