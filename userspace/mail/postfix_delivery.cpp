// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <array>

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

std::optional<Delivery> postfix_outcome(const PostfixFields& fields) {
  if (fields.status == "sent") return Delivery::accepted;
  Reply reply;
  if (!read_status(fields.dsn, reply)) return std::nullopt;
  if (fields.status == "deferred") {
    // "(host mx… said: 450 …", "(host mx… refused to talk to me: 421 …": an answer, and not a fault on the way.
    const bool answered =
        fields.reason.find(" said: 4") != kNpos || fields.reason.find(" refused to talk to me: 4") != kNpos;
    return answered && is_deferral(reply) ? std::optional(Delivery::deferred) : std::nullopt;
  }
  if (fields.status != "bounced") return std::nullopt;
  reply.code = 550;
  constexpr std::string_view kSaid = " said: ";
  if (const size_t said = fields.reason.find(kSaid); said != kNpos)
    if (const auto answer = read_reply(fields.reason.substr(said + kSaid.size()))) reply.code = answer->code;
  if (reply.subject == 0) reply.subject = -1;  // what Postfix makes of an answer without an enhanced code
  const bool unknown = is_unknown(reply, fields.reason.find("(in reply to RCPT TO command)") != kNpos);
  return unknown ? std::optional(Delivery::unknown) : std::nullopt;
}

// "mx.elsewhere.example[192.0.2.7]:25"
bool is_elsewhere_by(std::string_view program, std::string_view relay) {
  const size_t open = relay.find('[');
  const size_t close = relay.find(']');
  if ((program != "smtp" && program != "lmtp") || open == kNpos || close == kNpos || close < open) return false;
  return is_elsewhere(relay.substr(open + 1, close - open - 1));
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
  return LoggedDelivery{.mta = Mta::postfix,
                        .queue_id = std::string(line.queue_id),
                        .recipient = lower_case(fields->recipient),
                        .remote = is_elsewhere_by(line.program, fields->relay),
                        .what = postfix_outcome(*fields),
                        .forwarded_as = std::string(forwarded_as(line.program, *fields))};
}

}  // namespace npanel
