// SPDX-License-Identifier: Apache-2.0
// Does every line of an MTA's log, whatever a remote server or a sender has put into it, mean one message or none, and
// is a line of bob's always about bob's message?
#include <algorithm>
#include <array>
#include <cctype>
#include <string>

#include "mail/delivery_log.h"
#include "must.h"

namespace npanel {
namespace {

constexpr std::string_view kExim = "1rBOBB-0003Fk-2x";
constexpr std::string_view kPostfix = "4B0B0B0B0B";

void judge(std::string_view line) {
  const std::string words = answer_words(line);
  must(words.starts_with(' ') && words.ends_with(' ') && words.size() <= 384, "words have blanks around them", words);
  const auto found = parse_delivery(line);
  if (!found) return;
  const std::string& id = found->queue_id;
  const bool is_plain = std::ranges::all_of(id, [](unsigned char c) { return c == '-' || std::isalnum(c) != 0; });
  must(!id.empty() && is_plain, "a queue id is letters, digits and -", id);
  must(line.find(id) != std::string_view::npos, "the queue id is part of the line", id);
  must(!found->recipient.empty(), "a delivery has a recipient", std::string(line));
  must(found->facts.text.size() <= 512, "what others write is bounded", std::string(line));
  must(found->facts.accepted == (verdict_of(found->facts).outcome == Outcome::accepted),
       "only what was taken is accepted", std::string(line));
  const auto again = parse_delivery(std::string(line) + " and more");
  must(!again || again->queue_id == id, "what follows a line does not make it another message's", std::string(line));
}

// What bob can bring into a log: % is where bob says something. The lines are Exim's, Postfix' and of other programs.
constexpr std::array kLines = {
    "2026-11-25 19:00:00 cwd=% 2 args: exim4 -bs",
    "2026-11-25 19:00:00 [4711] cwd=/% 3 args: exim4 % %",
    "2026-11-25 19:00:00 +0100 H=(%) [192.0.2.9] F=<%> rejected RCPT <%>: %",
    "2026-11-25 19:00:00 SMTP call from bob dropped: too many unrecognized commands (last was \"%\")",
    "2026-11-25 19:00:00 1rBOBB-0003Fk-2x <= % H=(%) [192.0.2.9] U=bob P=local S=1 T=\"%\" for %",
    "2026-11-25 19:00:00 1rBOBB-0003Fk-2x => % <%> R=r T=t H=mx [192.0.2.7] C=\"%\"",
    "2026-11-25 19:00:00 1rBOBB-0003Fk-2x ** % <%> R=r T=t H=mx [192.0.2.7]: SMTP error from remote mail server after "
    "%",
    "2026-11-25 19:00:00 1rBOBB-0003Fk-2x == % R=r T=t defer (-44): %",
    "Nov 25 19:00:00 host postfix/smtpd[1]: NOQUEUE: reject: RCPT from %[192.0.2.9]: 550; from=<%> to=<%> helo=<%>",
    "Nov 25 19:00:00 host postfix/smtp[1]: 4B0B0B0B0B: to=<%>, orig_to=<%>, relay=%[192.0.2.7]:25, delay=1, "
    "delays=0/0/0/1, dsn=5.1.1, status=bounced (host % said: %)",
    "Nov 25 19:00:00 host postfix/cleanup[1]: 4B0B0B0B0B: message-id=<%>",
    "Nov 25 19:00:00 host postfix/cleanup[1]: 4B0B0B0B0B: warning: header Subject: %",
    "Nov 25 19:00:00 host postfix/postlog[1]: %",
    "Nov 25 19:00:00 host bob[1]: %",
    "Nov 25 19:00:00 host dovecot: imap-login: Login: user=<%>",
    "2026-11-25T19:00:00.123456+01:00 host php: %",
};

// Each % becomes the next of bob's pieces; none has a line feed, as in all of these but the first (delivery_stats).
std::string filled(std::string_view line, std::string_view& pieces) {
  std::string text;
  for (const char c : line) {
    if (c != '%') {
      text += c;
      continue;
    }
    const std::string_view piece = pieces.substr(0, pieces.find('\n'));
    pieces.remove_prefix(std::min(piece.size() + 1, pieces.size()));
    text += piece;
  }
  return text;
}

void forge(std::string_view pieces) {
  for (const std::string_view line : kLines) {
    std::string_view rest = pieces;
    const std::string text = filled(line, rest);
    const auto found = parse_delivery(text);
    must(!found || found->queue_id == kExim || found->queue_id == kPostfix, "bob's line is about bob's message", text);
  }
}

}  // namespace
}  // namespace npanel

// NOLINTNEXTLINE(readability-identifier-naming): libFuzzer's own name
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  npanel::judge(text);
  npanel::forge(text);
  return 0;
}
