// SPDX-License-Identifier: Apache-2.0
#include "systemd/journal.h"

#include <systemd/sd-journal.h>

#include <algorithm>
#include <memory>

namespace npanel {
namespace {

constexpr std::string_view kMessage = "MESSAGE=";

std::string message(sd_journal* journal) {
  const void* data = nullptr;
  size_t length = 0;
  if (sd_journal_get_data(journal, "MESSAGE", &data, &length) < 0) return {};
  std::string_view text(static_cast<const char*>(data), length);
  if (text.starts_with(kMessage)) text.remove_prefix(kMessage.size());
  return std::string(text);
}

}  // namespace

Result<std::vector<std::string>> last_log_lines(const std::string& unit, size_t most) {
  sd_journal* opened = nullptr;
  if (const int result = sd_journal_open(&opened, SD_JOURNAL_LOCAL_ONLY); result < 0)
    return errno_failure("open the journal", -result);
  const std::unique_ptr<sd_journal, decltype([](sd_journal* journal) { sd_journal_close(journal); })> journal(opened);
  // What the unit wrote, and what systemd wrote about it ("Main process exited, code=killed, status=9/KILL").
  int result = 0;
  for (const std::string& match : {"_SYSTEMD_UNIT=" + unit, "UNIT=" + unit}) {
    if (result >= 0) result = sd_journal_add_disjunction(opened);
    if (result >= 0) result = sd_journal_add_match(opened, match.c_str(), match.size());
  }
  if (result >= 0) result = sd_journal_seek_tail(opened);
  if (result < 0) return errno_failure("search the journal", -result);
  std::vector<std::string> lines;
  while (lines.size() < most && sd_journal_previous(opened) > 0) lines.push_back(message(opened));
  std::ranges::reverse(lines);
  return lines;
}

}  // namespace npanel
