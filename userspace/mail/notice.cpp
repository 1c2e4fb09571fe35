// SPDX-License-Identifier: Apache-2.0
#include "mail/notice.h"

#include <algorithm>
#include <optional>
#include <set>
#include <vector>

#include "base/digest.h"
#include "base/parse.h"
#include "model/mail.h"
#include "model/reputation.h"

namespace npanel {
namespace {

constexpr const char* kSubject = "subject";

using Values = std::map<std::string, std::string, std::less<>>;

// One line of printable ASCII, short enough for a letter.
std::string shown(std::string_view text) {
  constexpr size_t kMost = 200;
  std::string plain(text.substr(0, kMost));
  std::ranges::replace_if(plain, [](char c) { return c < ' ' || c > '~'; }, '?');
  return plain;
}

// nullopt: the line names facts, and not one of them is known. What is in braces and not a fact stays.
std::optional<std::string> filled_in(std::string_view line, const Values& values) {
  std::string filled;
  bool names = false;
  bool knows = false;
  while (!line.empty()) {
    const size_t open = line.find('{');
    filled += line.substr(0, open);
    if (open == std::string_view::npos) break;
    line.remove_prefix(open);
    const size_t close = line.find('}');
    const auto value = close == std::string_view::npos ? values.end() : values.find(line.substr(1, close - 1));
    if (value == values.end()) {
      filled += '{';
      line.remove_prefix(1);
      continue;
    }
    names = true;
    knows = knows || !value->second.empty();
    filled += value->second;
    line.remove_prefix(close + 1);
  }
  if (names && !knows) return std::nullopt;
  return filled;
}

// RFC 2047: what is not ASCII goes into encoded words, which must not cut a character; a line has at most 76
// characters.
std::string header_text(std::string_view text) {
  constexpr size_t kBytesAWord = 39;
  if (std::ranges::all_of(text, [](char c) { return c >= ' ' && c <= '~'; })) return std::string(text);
  std::string words;
  while (!text.empty()) {
    size_t end = std::min(text.size(), kBytesAWord);
    const auto continues = [&](size_t at) { return (static_cast<unsigned char>(text[at]) & 0xc0) == 0x80; };
    while (end > 1 && end < text.size() && continues(end)) --end;
    words += (words.empty() ? "=?UTF-8?B?" : "\n =?UTF-8?B?") + base64(text.substr(0, end)) + "?=";
    text.remove_prefix(end);
  }
  return words;
}

}  // namespace

const std::vector<std::string>& notice_reasons() {
  static const std::vector<std::string> reasons = [] {
    std::vector<std::string> all;
    for (const MailField& field : kMailFields) all.emplace_back(field.name);
    all.emplace_back("rate_limit");
    for (const BrakeCause cause : {BrakeCause::unknown, BrakeCause::deferred}) all.emplace_back(to_string(cause));
    return all;
  }();
  return reasons;
}

Result<NoticeTemplate> NoticeTemplate::parse(std::string_view text) {
  NoticeTemplate parsed;
  size_t number = 0;
  while (!text.empty()) {
    const std::string_view line = text.substr(0, text.find('\n'));
    text.remove_prefix(std::min(line.size() + 1, text.size()));
    ++number;
    if (trim(line).empty()) break;
    if (line.starts_with('#')) continue;
    const size_t colon = line.find(':');
    const std::string key(trim(line.substr(0, colon)));
    const bool known = key == kSubject || std::ranges::find(notice_reasons(), key) != notice_reasons().end();
    if (colon == std::string_view::npos || !known)
      return failure("line " + std::to_string(number) + ": must be \"subject: text\", or a reason and its sentence",
                     EINVAL);
    parsed.head_[key] = trim(line.substr(colon + 1));
  }
  for (const std::string& key : notice_reasons())
    if (parsed.head_[key].empty()) return failure("\"" + key + ":\" is missing before the first empty line", EINVAL);
  if (parsed.head_[kSubject].empty()) return failure("\"subject:\" is missing before the first empty line", EINVAL);
  parsed.body_ = text;
  return parsed;
}

std::string NoticeTemplate::message(const NoticeFacts& facts) const {
  Values values{{"account", shown(facts.account)},        {"host", shown(facts.host)},
                {"number", std::to_string(facts.number)}, {"sender", shown(facts.sender)},
                {"script", shown(facts.script)},          {"directory", shown(facts.directory)},
                {"program", shown(facts.program)}};
  const auto reason = head_.find(facts.reason);
  values["reason"] = reason == head_.end() ? facts.reason : filled_in(reason->second, values).value_or("");
  std::string text = "From: " + facts.from + "\nTo: " + facts.to +
                     "\nSubject: " + header_text(filled_in(head_.at(kSubject), values).value_or("")) +
                     "\nAuto-Submitted: auto-generated\nMIME-Version: 1.0\nContent-Type: text/plain; charset=UTF-8\n"
                     "Content-Transfer-Encoding: 8bit\n\n";
  for (std::string_view rest = body_; !rest.empty();) {
    const std::string_view line = rest.substr(0, rest.find('\n'));
    rest.remove_prefix(std::min(line.size() + 1, rest.size()));
    if (const auto filled = filled_in(line, values)) text += *filled + "\n";
  }
  return text;
}

}  // namespace npanel
