// SPDX-License-Identifier: Apache-2.0
#include "mail/log_line.h"

#include <algorithm>
#include <array>

namespace npanel {
namespace {

bool is_digit(char c) {
  return c >= '0' && c <= '9';
}
bool is_alphanumeric(char c) {
  return is_digit(c) || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
}

// Each of these takes what it is called for from the front of `rest`, or leaves `rest` alone and says false.

// In a shape, # is a digit; all else is itself.
bool take(std::string_view& rest, std::string_view shape) {
  if (rest.size() < shape.size()) return false;
  for (size_t i = 0; i < shape.size(); ++i)
    if (shape[i] == '#' ? !is_digit(rest[i]) : rest[i] != shape[i]) return false;
  rest.remove_prefix(shape.size());
  return true;
}

std::string_view take_while(std::string_view& rest, bool (*wanted)(char)) {
  const auto end = std::ranges::find_if_not(rest, wanted);
  const std::string_view taken = rest.substr(0, static_cast<size_t>(end - rest.begin()));
  rest.remove_prefix(taken.size());
  return taken;
}

bool take_pid(std::string_view& rest) {
  std::string_view after = rest;
  if (!take(after, "[") || take_while(after, is_digit).empty() || !take(after, "]")) return false;
  rest = after;
  return true;
}

bool take_exim_time(std::string_view& rest) {
  std::string_view after = rest;
  if (!take(after, "####-##-## ##:##:##")) return false;
  take(after, ".###");
  if (!take(after, " +####")) take(after, " -####");
  if (!take(after, " ")) return false;
  rest = after;
  return true;
}

bool take_month(std::string_view& rest) {
  constexpr std::array<std::string_view, 12> kMonths = {"Jan ", "Feb ", "Mar ", "Apr ", "May ", "Jun ",
                                                        "Jul ", "Aug ", "Sep ", "Oct ", "Nov ", "Dec "};
  return std::ranges::any_of(kMonths, [&rest](std::string_view month) { return take(rest, month); });
}

bool take_zone(std::string_view& rest) {
  return take(rest, "Z") || take(rest, "+##:##") || take(rest, "-##:##");
}

// RFC 3164 ("Nov  5", by Postfix itself "Nov 05"), RFC 5424.
bool take_syslog_time(std::string_view& rest) {
  std::string_view after = rest;
  if (take_month(after)) {
    if (!(take(after, "##") || take(after, " #")) || !take(after, " ##:##:## ")) return false;
  } else {
    if (!take(after, "####-##-##T##:##:##")) return false;
    if (take(after, ".")) take_while(after, is_digit);
    if (!take_zone(after) || !take(after, " ")) return false;
  }
  rest = after;
  return true;
}

// "1rABCD-0003Fk-2x", since Exim 4.97 "1rABCD-00000003Fkz-2xyZ".
bool is_exim_id(std::string_view word) {
  const bool old_form = word.size() == 16 && word[6] == '-' && word[13] == '-';
  const bool new_form = word.size() == 23 && word[6] == '-' && word[18] == '-';
  if (!old_form && !new_form) return false;
  return std::ranges::count(word, '-') == 2 &&
         std::ranges::all_of(word, [](char c) { return c == '-' || is_alphanumeric(c); });
}

std::optional<LogLine> exim_line(std::string_view rest) {
  if (take_pid(rest) && !take(rest, " ")) return std::nullopt;
  const std::string_view id = rest.substr(0, rest.find(' '));
  if (id.size() == rest.size() || !is_exim_id(id)) return std::nullopt;
  return LogLine{.mta = Mta::exim, .program = "exim", .queue_id = id, .text = rest.substr(id.size() + 1)};
}

// "postfix/smtp", "postfix-out/smtp", "postfix/submission/smtp": syslog_name, then the program.
std::string_view postfix_program(std::string_view name) {
  const size_t slash = name.rfind('/');
  return name.starts_with("postfix") && slash != std::string_view::npos ? name.substr(slash + 1) : std::string_view();
}

std::optional<LogLine> postfix_line(std::string_view program, std::string_view rest) {
  const std::string_view id = take_while(rest, is_alphanumeric);
  if (id.empty() || !take(rest, ": ")) return std::nullopt;
  return LogLine{.mta = Mta::postfix, .program = program, .queue_id = id, .text = rest};
}

bool is_of_a_name(char c) {
  return is_alphanumeric(c) || c == '-' || c == '_' || c == '.' || c == '/';
}

std::optional<LogLine> syslog_line(std::string_view rest) {
  const std::string_view host = rest.substr(0, rest.find(' '));
  if (host.empty() || host.size() == rest.size()) return std::nullopt;
  rest.remove_prefix(host.size() + 1);
  const std::string_view name = take_while(rest, is_of_a_name);
  const bool has_pid = take_pid(rest);
  if (!take(rest, ": ")) return std::nullopt;
  if (name == "exim" || name == "exim4") {
    take_exim_time(rest);
    return exim_line(rest);
  }
  const std::string_view program = postfix_program(name);
  return program.empty() || !has_pid ? std::nullopt : postfix_line(program, rest);
}

}  // namespace

std::optional<LogLine> parse_log_line(std::string_view line) {
  if (take_exim_time(line)) return exim_line(line);
  return take_syslog_time(line) ? syslog_line(line) : std::nullopt;
}

bool is_arguments_line(std::string_view line) {
  if (!take_exim_time(line)) return false;
  if (take_pid(line)) take(line, " ");
  return line.starts_with("cwd=");
}

}  // namespace npanel
