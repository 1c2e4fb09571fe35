// SPDX-License-Identifier: Apache-2.0
// notice.h: how is an account's owner told that their mail is held back, or refused elsewhere?
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace npanel {

// What there is to say. Texts may hold anything that a script or another server has chosen; empty: unknown.
struct NoticeFacts {
  std::string account = {};
  std::string host = {};
  std::string from = {};  // header addresses, valid already
  std::string to = {};
  std::string reason = {};  // one of notice_reasons()
  uint64_t number = 0;      // the limit, or the percentage
  std::string sender = {};  // who wrote the first message that was held back
  std::string script = {};
  std::string directory = {};
  std::string program = {};
  std::vector<std::string> examples = {};  // "elsewhere.example: 550 no such user"; three are told
};

// What an owner is told: the limits by their names in the API (kMailFields), "smtp", "unknown_recipients",
// "deferrals" and "content", for which mail is held back, and "authentication", for which it is not.
[[nodiscard]] const std::vector<std::string>& notice_reasons();

// A text in one language, UTF-8: one a line, "subject:", a sentence for each reason, and the paragraphs that depend on
// it, # begins a comment; an empty line; and what is written to the owner. The paragraphs are "held_back:" and
// "promise:", for "authentication" instead "authentication_subject:", "authentication_opening:" and
// "authentication_advice:", and the advice, "advice:" for limits, "unknown_recipients_advice:", "deferrals_advice:",
// "content_advice:". {account}, {host}, {opening}, {reason}, {number}, {promise}, {sender}, {script}, {directory},
// {program}, {example_1}, {example_2}, {example_3} and {advice} are filled in. A line is left out when all that it
// would name is unknown, and lines between empty ones when that leaves out each that names something.
class NoticeTemplate {
 public:
  // The error names the line, or what is missing.
  static Result<NoticeTemplate> parse(std::string_view text);

  // A message as sendmail -t takes it (RFC 5322, RFC 3834), ending in a newline. No line break and no control character
  // of a fact comes into it.
  [[nodiscard]] std::string message(const NoticeFacts& facts) const;

 private:
  std::map<std::string, std::string, std::less<>> head_;
  std::string body_;
};

}  // namespace npanel
