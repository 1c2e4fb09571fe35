// SPDX-License-Identifier: Apache-2.0
#include "daemon/log.h"

#include <poll.h>
#include <sys/socket.h>
#include <systemd/sd-daemon.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <climits>
#include <cstdlib>
#include <string>

namespace npanel {
namespace {

struct Output {
  std::string rest = {};  // of a line that was taken in part: it goes first, or two lines would become one
  uint64_t lost = 0;      // since the start
  uint64_t lost_told = 0;
};

Output& output() {
  static Output the_one;
  return the_one;
}

// How much of it was taken at once. A pipe that is writable has room for PIPE_BUF bytes (pipe(7)).
size_t put_some(std::string_view text) {
  const ssize_t sent = ::send(STDERR_FILENO, text.data(), text.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
  if (sent >= 0) return static_cast<size_t>(sent);
  if (errno != ENOTSOCK) return 0;
  pollfd out{.fd = STDERR_FILENO, .events = POLLOUT, .revents = 0};
  if (::poll(&out, 1, 0) != 1 || (out.revents & POLLOUT) == 0) return 0;
  return static_cast<size_t>(
      std::max<ssize_t>(::write(STDERR_FILENO, text.data(), std::min<size_t>(text.size(), PIPE_BUF)), 0));
}

size_t put_all(std::string_view text) {
  size_t done = 0;
  while (done < text.size()) {
    const size_t put = put_some(text.substr(done));
    if (put == 0) break;
    done += put;
  }
  return done;
}

bool put_line(const std::string& line) {
  Output& out = output();
  out.rest.erase(0, put_all(out.rest));
  const size_t put = out.rest.empty() ? put_all(line) : 0;
  if (put == 0) {
    ++out.lost;
    return false;
  }
  out.rest = line.substr(put);
  return true;
}

std::string line_of(const char* priority, std::string_view text) {
  static const bool to_journal = std::getenv("JOURNAL_STREAM") != nullptr;
  std::string line = to_journal ? std::string(priority) : std::string(::program_invocation_short_name) + ": ";
  for (const char c : text) line += static_cast<unsigned char>(c) < ' ' || c == 0x7f ? '?' : c;
  return line + '\n';
}

void write_line(const char* priority, std::string_view text) {
  Output& out = output();
  if (!put_line(line_of(priority, text)) || out.lost == out.lost_told) return;
  const uint64_t lost = out.lost - out.lost_told;
  if (put_line(line_of(SD_WARNING, std::to_string(lost) + " lines of this log were lost: nobody took them")))
    out.lost_told = out.lost;
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
uint64_t log_lines_lost() {
  return output().lost;
}

}  // namespace npanel
