// SPDX-License-Identifier: Apache-2.0
// log_line.h: which program of an MTA has written this line of its log, and about which message?
#pragma once

#include <optional>
#include <string_view>

namespace npanel {

enum class Mta { exim, postfix };

// Views into the line.
struct LogLine {
  Mta mta = Mta::exim;
  std::string_view program = {};  // of Postfix: "smtp"; of Exim always "exim"
  std::string_view queue_id = {};
  std::string_view text = {};  // what follows the id
};

// Read from its first byte on, by the MTA's own grammar, so that an id has one place. What others can bring into a log
// (a directory's name, a sender, a remote server's answer, another program's line) stands behind that place.
//   Exim     2026-11-25 19:00:00[.123][ +0100] [[4711] ]1rABCD-0003Fk-2x …   by syslog with "TIME host exim[4711]: "
//            before it, and then perhaps without its own time (log_timezone, log_selector, syslog_timestamp)
//   Postfix  TIME host postfix[-instance][/service]/smtp[4711]: 4BCdEF0123: …
// TIME is "Nov 25 19:00:00" or "2026-11-25T19:00:00.123456+01:00". nullopt: it is about no message.
[[nodiscard]] std::optional<LogLine> parse_log_line(std::string_view line);

// Exim's line "cwd=… args: …" (log_selector +arguments). The directory is written as it is called, line feeds and all:
// what follows such a line may have been written by whoever has named it.
[[nodiscard]] bool is_arguments_line(std::string_view line);

}  // namespace npanel
