// SPDX-License-Identifier: Apache-2.0
#include "daemon/log.h"

#include <systemd/sd-daemon.h>

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <string>

namespace npanel {
namespace {

void write_line(const char* priority, std::string_view text) {
  static const bool to_journal = std::getenv("JOURNAL_STREAM") != nullptr;
  std::string line = to_journal ? std::string(priority) : std::string(::program_invocation_short_name) + ": ";
  for (const char c : text) line += static_cast<unsigned char>(c) < ' ' || c == 0x7f ? '?' : c;
  line += '\n';
  std::fwrite(line.data(), 1, line.size(), stderr);
}

}  // namespace

void log_info(std::string_view text) {
  write_line(SD_INFO, text);
}
void log_warning(std::string_view text) {
  write_line(SD_WARNING, text);
}
void log_error(std::string_view text) {
  write_line(SD_ERR, text);
}

}  // namespace npanel
