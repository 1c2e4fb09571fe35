// SPDX-License-Identifier: Apache-2.0
#include "cmd/npanelctl/terminal.h"

#include <sys/ioctl.h>
#include <unistd.h>

#include <csignal>
#include <cstdlib>
#include <string_view>
#include <utility>

namespace npanel {
namespace {

constexpr int kInterrupted = 130;  // 128 and the signal's number, as shells have it
constexpr size_t kColumnsUsually = 80;

std::string last_words;

// Only what signal-safety(7) allows.
void end(int) {
  [[maybe_unused]] const ssize_t written = ::write(STDERR_FILENO, last_words.data(), last_words.size());
  ::_exit(kInterrupted);
}

std::string_view environment(const char* name) {
  const char* value = std::getenv(name);
  return value == nullptr ? std::string_view{} : value;
}

}  // namespace

std::optional<size_t> terminal_columns() {
  if (::isatty(STDOUT_FILENO) == 0 || environment("TERM").empty() || environment("TERM") == "dumb") return std::nullopt;
  winsize size{};
  const bool known = ::ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0;
  return known ? size.ws_col : kColumnsUsually;
}

bool wants_colour() {
  return environment("NO_COLOR").empty();
}

void end_on_interrupt(std::string text) {
  last_words = std::move(text);
  std::signal(SIGINT, end);
}

}  // namespace npanel
