// SPDX-License-Identifier: Apache-2.0
// notice.h: how is an account's owner told that his mail is held back?
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace npanel {

// What there is to say. Texts may hold anything that a script has chosen; empty: unknown.
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
};

// Why mail is held back: the limits by their names in the API (kMailFields), "rate_limit", "unknown_recipients" and
// "deferrals".
[[nodiscard]] const std::vector<std::string>& notice_reasons();

// A text in one language, UTF-8: "subject:" and a sentence for each reason, one a line, # begins a comment; an empty
// line; and what is written to the owner. {account}, {host}, {reason}, {number}, {sender}, {script}, {directory} and
// {program} are filled in; a line is left out when all that it would name is unknown.
class NoticeTemplate {
 public:
  // The error names the line, or the reason that is missing.
  static Result<NoticeTemplate> parse(std::string_view text);

  // A message as sendmail -t takes it (RFC 5322, RFC 3834), ending in a newline. No line break and no control character
  // of a fact comes into it.
  [[nodiscard]] std::string message(const NoticeFacts& facts) const;

 private:
  std::map<std::string, std::string, std::less<>> head_;
  std::string body_;
};

}  // namespace npanel
