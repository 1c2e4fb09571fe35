// SPDX-License-Identifier: Apache-2.0
#include "mail/notice.h"

#include <algorithm>
#include <array>
#include <optional>
#include <set>
#include <vector>

#include "base/digest.h"
#include "base/parse.h"
#include "model/mail.h"
#include "model/reputation.h"

namespace npanel {
namespace {

constexpr std::string_view kDns = "authentication";  // to_string(Outcome::authentication)
constexpr std::array kParagraphs = {"subject",
                                    "held_back",
                                    "promise",
                                    "advice",
                                    "unknown_recipients_advice",
                                    "deferrals_advice",
                                    "content_advice",
                                    "authentication_subject",
                                    "authentication_opening",
                                    "authentication_advice"};
constexpr size_t kExamples = 3;

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

// A paragraph of the head is one line there, however long: it is broken at 76 characters, and a character may have
// several bytes.
std::string wrapped(std::string_view text) {
  constexpr size_t kColumns = 76;
  std::string broken;
  size_t column = 0;
  while (!text.empty()) {
    const std::string_view word = text.substr(0, text.find(' '));
    text.remove_prefix(std::min(word.size() + 1, text.size()));
    const auto width = static_cast<size_t>(
        std::ranges::count_if(word, [](char c) { return (static_cast<unsigned char>(c) & 0xc0) != 0x80; }));
    if (column > 0) {
      const bool fits = column + 1 + width <= kColumns;
      broken += fits ? ' ' : '\n';
      column = fits ? column + 1 : 0;
    }
    broken += word;
    column += width;
  }
  return broken;
}

// Lines up to the next empty one, which is taken, too; empty when all that they would name is unknown.
std::string filled_block(std::string_view& rest, const Values& values) {
  std::string block;
  bool names = false;
  bool knows = false;
  while (!rest.empty() && rest[0] != '\n') {
    const std::string_view line = rest.substr(0, rest.find('\n'));
    rest.remove_prefix(std::min(line.size() + 1, rest.size()));
    const auto filled = filled_in(line, values);
    const bool named = !filled || *filled != line;
    names = names || named;
    knows = knows || (filled && named);
    if (filled) block += *filled + "\n";
  }
  if (names && !knows) block.clear();
  const bool ends = !rest.empty();
  if (ends) rest.remove_prefix(1);
  return block.empty() || !ends ? block : block + "\n";
}

Values values_of(const NoticeFacts& facts) {
  Values values{{"account", shown(facts.account)},        {"host", shown(facts.host)},
                {"number", std::to_string(facts.number)}, {"sender", shown(facts.sender)},
                {"script", shown(facts.script)},          {"directory", shown(facts.directory)},
                {"program", shown(facts.program)}};
  for (size_t i = 0; i < kExamples; ++i)
    values["example_" + std::to_string(i + 1)] = i < facts.examples.size() ? shown(facts.examples[i]) : "";
  return values;
}

}  // namespace

const std::vector<std::string>& notice_reasons() {
  static const std::vector<std::string> reasons = [] {
    std::vector<std::string> all;
    for (const MailField& field : kMailFields) all.emplace_back(field.name);
    all.emplace_back("smtp");
    for (const ThrottleCause cause : kAllThrottleCauses) all.emplace_back(to_string(cause));
    all.emplace_back(kDns);
    return all;
  }();
  return reasons;
}

Result<NoticeTemplate> NoticeTemplate::parse(std::string_view text) {
  std::vector<std::string> keys = notice_reasons();
  keys.insert(keys.begin(), kParagraphs.begin(), kParagraphs.end());
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
    if (colon == std::string_view::npos || std::ranges::find(keys, key) == keys.end())
      return failure("line " + std::to_string(number) + ": must be \"subject: text\", or a reason and its sentence",
                     EINVAL);
    parsed.head_[key] = trim(line.substr(colon + 1));
  }
  for (const std::string& key : keys)
    if (parsed.head_[key].empty()) return failure("\"" + key + ":\" is missing before the first empty line", EINVAL);
  parsed.body_ = text;
  return parsed;
}

std::string NoticeTemplate::message(const NoticeFacts& facts) const {
  Values values = values_of(facts);
  const auto paragraph = [&](const std::string& key) {
    const auto found = head_.find(key);
    return found == head_.end() ? "" : filled_in(found->second, values).value_or("");
  };
  const bool is_dns = facts.reason == kDns;
  const std::string own = facts.reason + "_advice";
  const bool known = head_.contains(facts.reason);
  const std::string reason = known ? paragraph(facts.reason) : shown(facts.reason);
  const std::string subject = paragraph(is_dns ? "authentication_subject" : "subject");
  const std::string opening = wrapped(paragraph(is_dns ? "authentication_opening" : "held_back"));
  const std::string promise = is_dns ? "" : wrapped(paragraph("promise"));
  const std::string advice = wrapped(paragraph(head_.contains(own) ? own : "advice"));
  values.insert({{"reason", reason}, {"opening", opening}, {"promise", promise}, {"advice", advice}});
  std::string text = "From: " + facts.from + "\nTo: " + facts.to + "\nSubject: " + header_text(subject) +
                     "\nAuto-Submitted: auto-generated\nMIME-Version: 1.0\nContent-Type: text/plain; charset=UTF-8\n"
                     "Content-Transfer-Encoding: 8bit\n\n";
  for (std::string_view rest = body_; !rest.empty();) text += filled_block(rest, values);
  return text;
}

}  // namespace npanel
