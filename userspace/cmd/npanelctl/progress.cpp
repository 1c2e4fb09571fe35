// SPDX-License-Identifier: Apache-2.0
#include "cmd/npanelctl/progress.h"

#include <algorithm>
#include <initializer_list>
#include <nlohmann/json.hpp>
#include <utility>

#include "cmd/npanelctl/cells.h"
#include "cmd/npanelctl/format.h"

namespace npanel {
namespace {

using nlohmann::json;

constexpr size_t kLogLines = 10;
constexpr const char* kGreen = "\x1b[32m";
constexpr const char* kUncoloured = "\x1b[0m";

// Rounded down: what is not done is not at 100%.
unsigned percent(const json& job) {
  const json& value = field(job, "percent");
  const double number = value.is_number() ? value.get<double>() : 0;
  return static_cast<unsigned>(std::clamp(number, 0.0, 100.0));
}

std::string percent_text(const json& job) {
  const std::string digits = std::to_string(percent(job));
  return std::string(3 - digits.size(), ' ') + digits + '%';
}

std::string stage(const json& job) {
  return printable(plain(field(job, "stage"), ""));
}

std::string time_left(const json& job) {
  const json& eta = field(job, "eta_seconds");
  return eta.is_number() ? human_duration(eta.get<double>()) + " left" : "";
}

// At most `bytes` of the text, and no half of a character: a column takes one byte at least.
std::string cut(std::string text, size_t bytes) {
  if (text.size() <= bytes) return text;
  while (bytes > 0 && (static_cast<unsigned char>(text[bytes]) & 0xC0U) == 0x80U) --bytes;
  text.resize(bytes);
  return text;
}

size_t bar_cells(size_t room) {
  if (room >= 60) return 20;
  return room >= 36 ? 10 : 0;
}

std::string bar(const json& job, size_t cells, bool colour) {
  const size_t filled = cells * percent(job) / 100;
  const std::string done(filled, '#');
  return '[' + (colour ? kGreen + done + kUncoloured : done) + std::string(cells - filled, ' ') + "]  ";
}

std::string spaced(std::initializer_list<std::string> parts) {
  std::string text;
  for (const std::string& part : parts)
    if (!part.empty()) text += (text.empty() ? "" : "  ") + part;
  return text;
}

}  // namespace

std::string progress_line(const json& job, size_t columns, bool colour) {
  size_t room = columns > 0 ? columns - 1 : 0;
  const size_t cells = bar_cells(room);
  const std::string head = cells == 0 ? "" : bar(job, cells, colour);
  if (cells > 0) room -= cells + 4;  // its brackets, and two spaces
  const std::string done = percent_text(job);
  std::string left = time_left(job);
  if (done.size() + 2 + left.size() > room) left.clear();
  const size_t taken = done.size() + 2 + (left.empty() ? 0 : left.size() + 2);
  return head + cut(spaced({done, cut(stage(job), room > taken ? room - taken : 0), left}), room);
}

std::string progress_text(const json& job) {
  return spaced({percent_text(job), stage(job), time_left(job)});
}

bool Milestones::reached(const json& job) {
  std::string now = stage(job);
  std::erase_if(now, [](char c) { return c >= '0' && c <= '9'; });
  now += std::to_string(percent(job) / 10);
  return std::exchange(last_, now) != now;
}

std::string outcome(const json& job) {
  const std::string state = plain(field(job, "state"));
  const std::string result = plain(field(job, "result"), "");
  std::string text = plain(field(job, "kind"));
  if (state != "done") text += ' ' + state;
  return printable(text + ": " + (result.empty() ? state : result));
}

std::string log_tail(const json& job) {
  const json& log = field(job, "log");
  std::string text;
  for (size_t i = log.size() - std::min(log.size(), kLogLines); log.is_array() && i < log.size(); ++i)
    text += "  " + printable(plain(log[i])) + '\n';
  return text;
}

}  // namespace npanel
