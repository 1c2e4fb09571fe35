// SPDX-License-Identifier: Apache-2.0
#include "mail/delivery_log.h"

#include <algorithm>
#include <array>

namespace npanel {
namespace {

constexpr auto kNpos = std::string_view::npos;

bool is_digit(char c) {
  return c >= '0' && c <= '9';
}
bool is_id_character(char c) {
  return is_digit(c) || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
}

// What a mail server answered: "550 5.1.1 …", "452-4.2.2 …" (RFC 5321, 4.2; RFC 2034).
struct Reply {
  int code = 0;
  int subject = -1;  // the second number of the enhanced status code; -1: there is none
  int detail = -1;
};

int number_at(std::string_view text, size_t& at) {
  constexpr int kMost = 999;
  if (at >= text.size() || !is_digit(text[at])) return -1;
  int value = 0;
  for (; at < text.size() && is_digit(text[at]) && value <= kMost; ++at) value = value * 10 + (text[at] - '0');
  return value <= kMost ? value : -1;
}

// "5.1.1"; false when the text does not begin so.
bool read_status(std::string_view text, Reply& reply) {
  std::array<int, 3> numbers{};
  size_t at = 0;
  for (size_t i = 0; i < numbers.size(); ++i) {
    if (i > 0) {
      if (at >= text.size() || text[at] != '.') return false;
      ++at;
    }
    numbers.at(i) = number_at(text, at);
    if (numbers.at(i) < 0) return false;
  }
  if (numbers[0] != 2 && numbers[0] != 4 && numbers[0] != 5) return false;
  reply.subject = numbers[1];
  reply.detail = numbers[2];
  return true;
}

std::optional<Reply> read_reply(std::string_view text) {
  size_t at = 0;
  Reply reply{.code = number_at(text, at)};
  if (at != 3 || reply.code < 200) return std::nullopt;
  if (at < text.size()) read_status(text.substr(at + 1), reply);
  return reply;
}

// No such recipient; without an enhanced code 550 says no more than that it was refused, but it was the recipient.
bool is_unknown(const Reply& reply, bool to_recipient) {
  if (reply.code < 500) return false;
  if (reply.subject >= 0) return reply.subject == 1 || (reply.subject == 4 && reply.detail == 4);
  return to_recipient && (reply.code == 550 || reply.code == 551 || reply.code == 553);
}

// Not a full mailbox (x.2.x), which says nothing of the sender.
bool is_deferral(const Reply& reply) {
  constexpr int kMailbox = 2;
  return reply.code < 500 && reply.subject != kMailbox;
}

std::string_view next_word(std::string_view& rest) {
  const size_t begin = rest.find_first_not_of(' ');
  if (begin == kNpos) return rest = {};
  rest.remove_prefix(begin);
  const std::string_view word = rest.substr(0, rest.find(' '));
  rest.remove_prefix(word.size());
  return word;
}

// "1rABCD-0003Fk-2x", since Exim 4.97 "1rABCD-00000003Fkz-2xyZ".
bool is_exim_id(std::string_view word) {
  const bool old_form = word.size() == 16 && word[6] == '-' && word[13] == '-';
  const bool new_form = word.size() == 23 && word[6] == '-' && word[18] == '-';
  if (!old_form && !new_form) return false;
  return std::ranges::all_of(word, [](char c) { return c == '-' || is_id_character(c); });
}

// Exim tells whom it had asked, and what the answer was.
std::optional<Delivery> exim_failure(std::string_view text, bool deferred) {
  constexpr std::string_view kRemote = "SMTP error from remote mail server after ";
  const size_t remote = text.find(kRemote);
  if (remote == kNpos) {
    // Not one server was asked, for there is none: but it may also have asked, and given up after days.
    const bool unrouteable = !deferred && text.find("retry timeout exceeded") == kNpos && text.find(" T=") == kNpos;
    return unrouteable ? std::optional(Delivery::unknown) : std::nullopt;
  }
  std::string_view after = text.substr(remote + kRemote.size());
  const bool to_recipient = after.starts_with("RCPT TO") || after.starts_with("pipelined RCPT TO");
  const size_t colon = after.find(": ");
  if (colon == kNpos) return std::nullopt;
  const auto reply = read_reply(after.substr(colon + 2));
  if (!reply) return std::nullopt;
  if (deferred) return is_deferral(*reply) ? std::optional(Delivery::deferred) : std::nullopt;
  return is_unknown(*reply, to_recipient) ? std::optional(Delivery::unknown) : std::nullopt;
}

// "2026-11-25 19:00:00 1rABCD-0003Fk-2x ** …"; log_selector may put a zone and [pid] between time and id. Takes what
// stands before the flag from `rest`; empty: it is no line of Exim's about a message.
std::string_view take_exim_id(std::string_view& rest) {
  constexpr int kWordsBeforeId = 4;
  for (int words = 0; words <= kWordsBeforeId; ++words) {
    const std::string_view word = next_word(rest);
    if (word.empty()) return {};
    if (words >= 2 && is_exim_id(word)) return word;
  }
  return {};
}

std::optional<Delivery> exim_outcome(std::string_view rest) {
  const std::string_view flag = next_word(rest);
  if (flag == "=>" || flag == "->" || flag == ">>") return Delivery::accepted;
  return flag == "**" || flag == "==" ? exim_failure(rest, flag == "==") : std::nullopt;
}

// What follows `key` up to the next comma or blank.
std::string_view value_of(std::string_view text, std::string_view key) {
  const size_t at = text.find(key);
  if (at == kNpos) return {};
  text.remove_prefix(at + key.size());
  return text.substr(0, text.find_first_of(", "));
}

std::optional<Delivery> postfix_outcome(std::string_view text) {
  const std::string_view status = value_of(text, ", status=");
  if (status == "sent") return Delivery::accepted;
  Reply reply;
  if (!read_status(value_of(text, ", dsn="), reply)) return std::nullopt;
  if (status == "deferred") {
    // "(host mx… said: 450 …", "(host mx… refused to talk to me: 421 …": an answer, and not a fault on the way.
    const bool answered = text.find(" said: 4") != kNpos || text.find(" refused to talk to me: 4") != kNpos;
    return answered && is_deferral(reply) ? std::optional(Delivery::deferred) : std::nullopt;
  }
  if (status != "bounced") return std::nullopt;
  reply.code = 550;
  constexpr std::string_view kSaid = " said: ";
  if (const size_t said = text.find(kSaid); said != kNpos)
    if (const auto answer = read_reply(text.substr(said + kSaid.size()))) reply.code = answer->code;
  if (reply.subject == 0) reply.subject = -1;  // what Postfix makes of an answer without an enhanced code
  const bool unknown = is_unknown(reply, text.find("(in reply to RCPT TO command)") != kNpos);
  return unknown ? std::optional(Delivery::unknown) : std::nullopt;
}

// "Nov 25 19:00:00 host postfix/smtp[123]: 4BCdEF: to=<…>, relay=…, dsn=5.1.1, status=bounced (host … said: 550 …)"; or
// the time is one word. Other programs write to the same log what strangers have told them: only the place of a word
// says who it was. Takes what stands before the outcome from `rest`.
std::string_view take_postfix_id(std::string_view& rest) {
  constexpr std::string_view kTo = ": to=<";
  constexpr int kWordsBefore = 4;
  for (int words = 0; words <= kWordsBefore; ++words) {
    const std::string_view word = next_word(rest);
    const bool is_program = word.starts_with("postfix") && word.find('/') != kNpos && word.ends_with("]:");
    if (!is_program) continue;
    if ((words != 2 && words != kWordsBefore) || rest.empty()) return {};
    rest.remove_prefix(1);
    const std::string_view id = rest.substr(0, rest.find(kTo));
    if (id.size() == rest.size() || id.empty() || !std::ranges::all_of(id, is_id_character)) return {};
    rest.remove_prefix(id.size());
    return id;
  }
  return {};
}

std::optional<LoggedDelivery> logged(std::string_view id, std::optional<Delivery> what) {
  if (!what) return std::nullopt;
  return LoggedDelivery{.queue_id = std::string(id), .what = *what};
}

}  // namespace

std::optional<LoggedDelivery> parse_delivery(std::string_view line) {
  std::string_view rest = line;
  if (const std::string_view id = take_exim_id(rest); !id.empty()) return logged(id, exim_outcome(rest));
  rest = line;
  if (const std::string_view id = take_postfix_id(rest); !id.empty()) return logged(id, postfix_outcome(rest));
  return std::nullopt;
}

}  // namespace npanel
