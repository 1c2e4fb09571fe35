// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <array>
#include <utility>

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
struct EximHost {
  std::string_view name = {};
  std::string_view address = {};
};
std::optional<EximHost> exim_host(std::string_view text) {
  constexpr std::string_view kHost = " H=";
  const size_t host = text.find(kHost);
  if (host == kNpos) return std::nullopt;
  text.remove_prefix(host + kHost.size());
  EximHost found{.name = text.substr(0, text.find(' '))};
  text.remove_prefix(found.name.size());
  if (text.starts_with(" DS")) text.remove_prefix(3);
  const size_t close = text.find(']');
  if (!text.starts_with(" [") || close == kNpos) return std::nullopt;
  found.address = text.substr(2, close - 2);
  return found;
}

// "RCPT TO:<x@y>: 550 …", "end of data: 550 …", "pipelined MAIL FROM:<x@y> SIZE=1: 550 …"
Stage exim_stage(std::string_view command) {
  constexpr std::string_view kPipelined = "pipelined ";
  if (command.starts_with(kPipelined)) command.remove_prefix(kPipelined.size());
  constexpr std::array<std::pair<std::string_view, Stage>, 10> kCommands = {{{"initial connection", Stage::connect},
                                                                             {"EHLO", Stage::helo},
                                                                             {"HELO", Stage::helo},
                                                                             {"LHLO", Stage::helo},
                                                                             {"STARTTLS", Stage::helo},
                                                                             {"AUTH", Stage::helo},
                                                                             {"MAIL FROM", Stage::mail},
                                                                             {"RCPT TO", Stage::rcpt},
                                                                             {"DATA", Stage::data},
                                                                             {"end of data", Stage::end_of_data}}};
  for (const auto& [begin, stage] : kCommands)
    if (command.starts_with(begin)) return stage;
  return Stage::unknown;
}

// Where the reply begins: behind the command and its addresses, which a colon may be in.
size_t end_of_command(std::string_view text) {
  const size_t bracket = text.substr(0, text.find(": ")).find('<');
  const size_t from = bracket == kNpos ? 0 : std::min(text.find('>', bracket), text.size());
  return text.find(": ", from);
}

// Exim tells whom it had asked, and what the answer was; else it speaks for itself, behind ": ".
void read_exim_reason(std::string_view text, DeliveryFacts& facts) {
  for (const std::string_view marker :
       {" error from remote mail server after ", " error from remote mailer after ", "LMTP error after "}) {
    const size_t at = text.find(marker);
    if (at == kNpos) continue;
    const std::string_view after = text.substr(at + marker.size());
    const size_t colon = end_of_command(after);
    if (colon == kNpos) return;
    facts.remote = true;
    facts.stage = exim_stage(after);
    return read_reply(after.substr(colon + 2), facts);
  }
  facts.text = bounded(text.substr(std::min(text.find_first_not_of(": "), text.size())));
  if (text.starts_with(": ")) read_reply(text.substr(2), facts);
}

}  // namespace

std::optional<LoggedDelivery> exim_delivery(const LogLine& line) {
  if (line.text.size() < 3 || line.text[2] != ' ') return std::nullopt;
  const std::string_view flag = line.text.substr(0, 2);
  const std::string_view text = line.text.substr(3);
  const bool done = flag == "=>" || flag == "->" || flag == ">>";
  if (!done && flag != "**" && flag != "==") return std::nullopt;
  const bool taken = done && !text.starts_with(":blackhole:");  // thrown away: nobody has it
  const auto fields = exim_fields(text);
  LoggedDelivery delivery{.mta = Mta::exim,
                          .queue_id = std::string(line.queue_id),
                          .recipient = lower_case(fields ? fields->address : text),
                          .facts = {.accepted = taken, .permanent = flag != "=="}};
  const auto host = exim_host(fields ? fields->rest : text);
  delivery.remote = fields ? host && is_elsewhere(host->address) : text.find(" H=") != kNpos;
  if (host && fields) delivery.server = lower_case(host->name);
  // What our router refuses, nobody else was asked about.
  if (!taken && (!fields || fields->router != kOurRouter))
    read_exim_reason(fields ? fields->rest : text, delivery.facts);
  return delivery;
}

}  // namespace npanel
