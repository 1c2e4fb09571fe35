// SPDX-License-Identifier: Apache-2.0
#include <algorithm>

#include "mail/delivery_parts.h"

namespace npanel {
namespace {

constexpr auto kNpos = std::string_view::npos;
// The router of /usr/share/npanel/exim/router: what it refuses, nobody else was asked about.
constexpr std::string_view kOurRouter = "npanel_expanded";

// What an Exim line says between the flag and the free text: "x@y <parent@y> F=<…> R=router T=transport H=host
// [192.0.2.7]".
struct EximFields {
  std::string_view address = {};
  std::string_view router = {};
  std::string_view transport = {};
  std::string_view rest = {};
};

// The value of a field that begins so, up to `end`; none of its characters is one of `never`.
bool take_field(std::string_view& rest, std::string_view begin, char end, std::string_view never) {
  if (!rest.starts_with(begin)) return false;
  const size_t at = rest.find(end, begin.size());
  if (at == kNpos || rest.substr(begin.size(), at - begin.size()).find_first_of(never) != kNpos) return false;
  rest.remove_prefix(at + 1);
  return true;
}

// " R=name": the names of drivers are words.
std::string_view take_driver(std::string_view& rest, std::string_view key) {
  if (!rest.starts_with(key)) return {};
  std::string_view after = rest.substr(key.size());
  const auto end = std::ranges::find_if_not(after, [](char c) {
    return c == '_' || (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
  });
  const std::string_view name = after.substr(0, static_cast<size_t>(end - after.begin()));
  after.remove_prefix(name.size());
  if (name.empty() || (!after.empty() && after[0] != ' ' && after[0] != ':')) return {};
  rest = after;
  return name;
}

// Exim writes a local part without its quotes, so that a sender may give it blanks and the looks of the fields that
// follow. nullopt: it is not certain where the address ends.
std::optional<EximFields> exim_fields(std::string_view text) {
  EximFields fields{.address = text.substr(0, text.find(' '))};
  text.remove_prefix(fields.address.size());
  if (fields.address.ends_with(':')) {
    fields.address.remove_suffix(1);
  } else {
    take_field(text, " (", ')', "<>\"");
    take_field(text, " <", '>', " <\"");
    take_field(text, " F=<", '>', " <\"");
    if (text.starts_with(" Q=")) text.remove_prefix(std::min(text.find(' ', 1), text.size()));
    take_field(text, " P=<", '>', " <\"");
    fields.router = take_driver(text, " R=");
    fields.transport = take_driver(text, " T=");
    const bool goes_on = text.empty() || text.starts_with(" defer (") || text.starts_with(" routing defer (") ||
                         !fields.router.empty() || !fields.transport.empty();
    if (!goes_on) return std::nullopt;
  }
  const bool plain = !fields.address.empty() && fields.address.find_first_of("\"<>()\t") == kNpos;
  if (!plain || text.find(" R=") != kNpos || text.find(" T=") != kNpos) return std::nullopt;
  fields.rest = text;
  return fields;
}

// " H=mx.elsewhere.example [192.0.2.7]", with DNSSEC " H=mx.elsewhere.example DS [192.0.2.7]".
bool names_a_host_elsewhere(std::string_view text) {
  constexpr std::string_view kHost = " H=";
  const size_t host = text.find(kHost);
  if (host == kNpos) return false;
  text.remove_prefix(std::min(text.find(' ', host + kHost.size()), text.size()));
  if (text.starts_with(" DS")) text.remove_prefix(3);
  const size_t close = text.find(']');
  return text.starts_with(" [") && close != kNpos && is_elsewhere(text.substr(2, close - 2));
}

// Exim tells whom it had asked, and what the answer was.
std::optional<Delivery> exim_failure(std::string_view text, bool deferred, bool has_transport) {
  constexpr std::string_view kRemote = "SMTP error from remote mail server after ";
  const size_t remote = text.find(kRemote);
  if (remote == kNpos) {
    // Not one server was asked, for there is none: but it may also have asked, and given up after days.
    const bool unrouteable = !deferred && text.find("retry timeout exceeded") == kNpos && !has_transport;
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

}  // namespace

std::optional<LoggedDelivery> exim_delivery(const LogLine& line) {
  if (line.text.size() < 3 || line.text[2] != ' ') return std::nullopt;
  const std::string_view flag = line.text.substr(0, 2);
  const std::string_view text = line.text.substr(3);
  const bool taken = flag == "=>" || flag == "->" || flag == ">>";
  if (!taken && flag != "**" && flag != "==") return std::nullopt;
  const auto fields = exim_fields(text);
  LoggedDelivery delivery{.mta = Mta::exim,
                          .queue_id = std::string(line.queue_id),
                          .recipient = lower_case(fields ? fields->address : text),
                          .remote = fields ? names_a_host_elsewhere(fields->rest) : text.find(" H=") != kNpos};
  const bool has_transport = !fields || !fields->transport.empty();
  if (taken)
    delivery.what = Delivery::accepted;
  else if (!fields || fields->router != kOurRouter)
    delivery.what = exim_failure(text, flag == "==", has_transport);
  return delivery;
}

}  // namespace npanel
