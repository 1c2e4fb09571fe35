// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <array>
#include <utility>

#include "mail/delivery_parts.h"

namespace npanel {
namespace {

constexpr auto kNpos = std::string_view::npos;

// "x@y>", "\"x>\"@y>": up to the > that ends it, which is taken, too. nullopt: nothing does.
std::optional<std::string_view> take_address(std::string_view& rest) {
  bool quoted = false;
  for (size_t i = 0; i < rest.size(); ++i) {
    if (quoted && rest[i] == '\\') {
      ++i;
    } else if (rest[i] == '"') {
      quoted = !quoted;
    } else if (rest[i] == '>' && !quoted) {
      const std::string_view address = rest.substr(0, i);
      rest.remove_prefix(i + 1);
      return address;
    }
  }
  return std::nullopt;
}

// The value of ", key=" if that is what comes next.
std::string_view take_value(std::string_view& rest, std::string_view key) {
  if (!rest.starts_with(key)) return {};
  const std::string_view after = rest.substr(key.size());
  const std::string_view value = after.substr(0, after.find_first_of(", "));
  rest = after.substr(value.size());
  return value;
}

// What Postfix logs of a recipient (log_adhoc.c): each field has its place.
struct PostfixFields {
  std::string_view recipient = {};
  std::string_view relay = {};
  std::string_view dsn = {};
  std::string_view status = {};
  std::string_view reason = {};  // "(…)"
};

std::optional<PostfixFields> postfix_fields(std::string_view text) {
  constexpr std::string_view kTo = "to=<";
  constexpr std::string_view kOriginal = ", orig_to=<";
  if (!text.starts_with(kTo)) return std::nullopt;
  text.remove_prefix(kTo.size());
  const auto recipient = take_address(text);
  if (!recipient) return std::nullopt;
  if (text.starts_with(kOriginal)) {
    text.remove_prefix(kOriginal.size());
    if (!take_address(text)) return std::nullopt;
  }
  PostfixFields fields{.recipient = *recipient, .relay = take_value(text, ", relay=")};
  for (const std::string_view key : {", conn_use=", ", delay=", ", delays=", ", tls="}) take_value(text, key);
  fields.dsn = take_value(text, ", dsn=");
  fields.status = take_value(text, ", status=");
  if (fields.relay.empty() || fields.status.empty() || !text.starts_with(" (")) return std::nullopt;
  fields.reason = text.substr(1);
  return fields;
}

// "(in reply to RCPT TO command)", the last of them: what stands before it, the other side has said.
Stage take_stage(std::string_view& reason) {
  constexpr std::string_view kInReply = " (in reply to ";
  constexpr std::array<std::pair<std::string_view, Stage>, 8> kCommands = {{{"EHLO", Stage::helo},
                                                                            {"HELO", Stage::helo},
                                                                            {"LHLO", Stage::helo},
                                                                            {"STARTTLS", Stage::helo},
                                                                            {"MAIL FROM", Stage::mail},
                                                                            {"RCPT TO", Stage::rcpt},
                                                                            {"DATA", Stage::data},
                                                                            {"end of DATA", Stage::end_of_data}}};
  const size_t at = reason.rfind(kInReply);
  if (at == kNpos) return Stage::unknown;
  const std::string_view command = reason.substr(at + kInReply.size());
  reason = reason.substr(0, at);
  for (const auto& [begin, stage] : kCommands)
    if (command.starts_with(begin)) return stage;
  return Stage::unknown;
}

// "host mx[192.0.2.7] said: 550 …" and "host mx[192.0.2.7] refused to talk to me: 554 …" are an answer; all else
// Postfix says of itself, and of what it has suspended it repeats an answer, or a fault.
void read_postfix_reason(std::string_view reason, DeliveryFacts& facts) {
  constexpr std::string_view kSaid = " said: ";
  constexpr std::string_view kRefused = " refused to talk to me: ";
  constexpr std::string_view kSuspended = "delivery temporarily suspended: ";
  if (reason.starts_with('(')) reason.remove_prefix(1);
  if (reason.ends_with(')')) reason.remove_suffix(1);
  facts.text = bounded(reason);
  facts.asked = !reason.starts_with(kSuspended);
  if (!facts.asked) reason.remove_prefix(kSuspended.size());
  if (!reason.starts_with("host ")) return;
  const size_t said = reason.find(kSaid);
  const size_t refused = reason.find(kRefused);
  if (said == kNpos && refused == kNpos) return;
  facts.remote = true;
  const bool talks = said < refused;
  std::string_view answer = reason.substr(talks ? said + kSaid.size() : refused + kRefused.size());
  facts.stage = talks ? take_stage(answer) : Stage::connect;  // at the end of the answer, and not before it
  read_reply(answer, facts);
}

// dsn= is Postfix' own, and x.0.0 what it makes of an answer without an enhanced code.
DeliveryFacts postfix_facts(const PostfixFields& fields) {
  const bool thrown_away = fields.relay == "none";  // discard(8)
  DeliveryFacts facts{.accepted = fields.status == "sent" && !thrown_away, .permanent = fields.status != "deferred"};
  if (facts.accepted) return facts;
  read_postfix_reason(fields.reason, facts);
  if (facts.subject < 0) read_status(fields.dsn, facts);
  if (facts.subject == 0 && facts.detail == 0) facts.subject = facts.detail = -1;
  return facts;
}

// "mx.elsewhere.example[192.0.2.7]:25"
bool is_elsewhere_by(std::string_view program, std::string_view relay) {
  const size_t open = relay.find('[');
  const size_t close = relay.find(']');
  if ((program != "smtp" && program != "lmtp") || open == kNpos || close == kNpos || close < open) return false;
  return is_elsewhere(relay.substr(open + 1, close - open - 1));
}

// "mx.elsewhere.example"; of relay=none and relay=local, nobody.
std::string server_of(std::string_view relay) {
  const size_t open = relay.find('[');
  return open == kNpos ? "" : lower_case(relay.substr(0, open));
}

// "(forwarded as 4BCdEF0124)"
std::string_view forwarded_as(std::string_view program, const PostfixFields& fields) {
  constexpr std::string_view kForwarded = "(forwarded as ";
  if (program != "local" || fields.status != "sent" || !fields.reason.starts_with(kForwarded)) return {};
  return fields.reason.substr(kForwarded.size(), fields.reason.find(')') - kForwarded.size());
}

}  // namespace

std::optional<LoggedDelivery> postfix_delivery(const LogLine& line) {
  constexpr std::array<std::string_view, 10> kAgents = {"smtp",  "lmtp",    "local", "virtual", "pipe",
                                                        "error", "discard", "retry", "qmgr",    "cleanup"};
  if (std::ranges::find(kAgents, line.program) == kAgents.end()) return std::nullopt;
  const auto fields = postfix_fields(line.text);
  if (!fields) return std::nullopt;
  if (fields->status != "sent" && fields->status != "deferred" && fields->status != "bounced") return std::nullopt;
  return LoggedDelivery{.mta = Mta::postfix,
                        .queue_id = std::string(line.queue_id),
                        .recipient = lower_case(fields->recipient),
                        .remote = is_elsewhere_by(line.program, fields->relay),
                        .server = server_of(fields->relay),
                        .facts = postfix_facts(*fields),
                        .forwarded_as = std::string(forwarded_as(line.program, *fields))};
}

}  // namespace npanel
