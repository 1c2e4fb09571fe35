// SPDX-License-Identifier: Apache-2.0
#include <map>
#include <nlohmann/json.hpp>

#include "cmd/npanelctl/cells.h"
#include "cmd/npanelctl/format.h"
#include "cmd/npanelctl/show.h"
#include "model/mail.h"

namespace npanel {
namespace {

using nlohmann::json;

bool is_bytes(std::string_view name) {
  return name.starts_with("bytes");
}

std::string amount(const char* name, const json& value, const char* null) {
  return is_bytes(name) ? size(value, null) : plain(value, null);
}

// "120 of 500"
std::string sent_of(const json& status, const char* name) {
  return amount(name, field(field(status, "sent"), name), kUnavailable) + " of " +
         amount(name, field(field(status, "limits"), name), kNoLimit);
}

std::string free_text(const json& status) {
  const json& seconds = field(status, "free_in_seconds");
  if (!seconds.is_number()) return "it may send none";
  return seconds == 0 ? "now" : "in " + human_duration(seconds.get<double>());
}

const char* state_text(const json& status) {
  if (!field(status, "throttle").is_null()) return "throttled";
  return field(status, "raise").is_null() ? "-" : "raised";
}

// Counted for the account's good or ill, then what is not its fault; and who answered what.
void add_deliveries(Pairs& pairs, const json& answer) {
  const json& deliveries = field(answer, "deliveries");
  const auto number = [&](const char* key) { return plain(field(deliveries, key)); };
  pairs.emplace_back("delivered", number("accepted") + " in the last hour, " + number("unknown_recipients") +
                                      " to unknown recipients, " + number("deferred") + " deferred by their servers, " +
                                      number("content") + " refused as unwanted");
  pairs.emplace_back("not its fault", number("server") + " for this server or the destination, " + number("local") +
                                          " by the local MTA, " + number("unclear") + " unclear; " +
                                          number("authentication") + " for SPF, DKIM, DMARC or a reverse name");
  for (const json& example : field(answer, "examples"))
    pairs.emplace_back("for example", plain(field(example, "outcome")) + ", " + foreign(field(example, "domain")) +
                                          ": " + foreign(field(example, "answer")));
}

}  // namespace

std::string mail_unclear_view(const json& answer) {
  std::string text = plain(field(answer, "count")) + " answers were not understood, and counted for nothing\n";
  const json& answers = field(answer, "answers");
  if (!answers.is_array() || answers.empty()) return text;
  Table table({">COUNT", "LAST", "ACCOUNT", "SERVER", "STAGE", ">CODE", "STATUS", "TEXT"});
  for (const json& each : answers)
    table.add({plain(field(each, "count")), plain(field(each, "time")), plain(field(each, "account")),
               foreign(field(each, "server")), plain(field(each, "stage")), plain(field(each, "code")),
               plain(field(each, "status")), foreign(field(each, "text"))});
  return text + "\n" + table.text();
}

std::string mail_findings_view(const json& answer) {
  std::string text;
  for (const json& finding : field(answer, "findings")) {
    std::string destinations;
    for (const json& each : field(finding, "destinations"))
      destinations += (destinations.empty() ? "" : ", ") + foreign(each);
    text += (text.empty() ? "" : "\n") +
            key_values({{"trouble", plain(field(finding, "trouble"))},
                        {"what", plain(field(finding, "description"))},
                        {"since", plain(field(finding, "since"))},
                        {"accounts", plain(field(finding, "accounts"))},
                        {"recipients", plain(field(finding, "recipients")) + " in the last hour"},
                        {"destinations", destinations},
                        {"answer", foreign(field(finding, "answer"))},
                        {"what to do", plain(field(finding, "remedy"))}});
  }
  return text.empty() ? "nothing is wrong with this server's mail, as far as the MTA's log says\n" : text;
}

std::string mail_top_view(const json& answer) {
  Table table({"NAME", ">15 MIN", ">HOUR", ">DAY", ">BYTES/H", ">LIMIT/H", ">DEFERRED", ">DIRECT", ">REFUSED", "FREE",
               "STATE"});
  for (const json& status : field(answer, "accounts")) {
    const json& sent = field(status, "sent");
    const json& direct = field(status, "direct");
    table.add({plain(field(status, "name")), plain(field(sent, "messages_per_15min")),
               plain(field(sent, "messages_per_hour")), plain(field(sent, "messages_per_day")),
               size(field(sent, "bytes_per_hour")),
               plain(field(field(status, "limits"), "messages_per_hour"), kNoLimit), plain(field(status, "deferred")),
               plain(field(direct, "allowed")), plain(field(direct, "denied")), free_text(status), state_text(status)});
  }
  return table.text();
}

std::string mail_why_view(const json& answer) {
  Pairs pairs = {{"name", plain(field(answer, "name"))}, {"mode", plain(field(answer, "mode"))}};
  for (const MailField& limit : kMailFields) {
    const bool limited = !field(field(answer, "limits"), limit.name).is_null();
    if (limited || std::string_view(limit.name).starts_with("messages"))
      pairs.emplace_back(limit.name, sent_of(answer, limit.name));
  }
  pairs.emplace_back("free", free_text(answer));
  if (const json& raise = field(answer, "raise"); !raise.is_null())
    pairs.emplace_back("raised", "to " + plain(field(raise, "messages_per_hour")) + " messages an hour until " +
                                     plain(field(raise, "until")));
  if (const json& throttle = field(answer, "throttle"); !throttle.is_null())
    pairs.emplace_back("throttled", "to a quarter until " + plain(field(throttle, "until")) + ": " +
                                        plain(field(throttle, "percent")) + " % " + plain(field(throttle, "cause")) +
                                        "; " + plain(field(throttle, "advice")));
  add_deliveries(pairs, answer);
  pairs.emplace_back("deferred", plain(field(answer, "deferred")));
  for (const json& refusal : field(answer, "refusals"))
    pairs.emplace_back("refused", plain(field(refusal, "time")) + " " + plain(field(refusal, "kind")) + " " +
                                      event_detail(field(refusal, "detail")));
  return key_values(pairs);
}

std::string mail_unattributed_view(const json& answer) {
  Pairs pairs = {{"mode", plain(field(answer, "mode"))}};
  for (const MailField& limit : kMailFields) {
    const bool limited = !field(field(answer, "limits"), limit.name).is_null();
    if (limited || std::string_view(limit.name).starts_with("messages"))
      pairs.emplace_back(limit.name, sent_of(answer, limit.name));
  }
  pairs.emplace_back("free", free_text(answer));
  pairs.emplace_back("deferred", plain(field(answer, "deferred")));
  Table table({"REASON", "LOGIN", ">UID", "CLIENT", "SENDER", ">MESSAGES", ">DEFERRED", "LAST"});
  std::map<std::string, std::string> remedies;
  for (const json& sender : field(answer, "senders")) {
    table.add({plain(field(sender, "reason")), foreign(field(sender, "login")), plain(field(sender, "uid")),
               foreign(field(sender, "client")), foreign(field(sender, "sender")), plain(field(sender, "messages")),
               plain(field(sender, "deferred")), plain(field(sender, "time"))});
    remedies[plain(field(sender, "reason"))] = plain(field(sender, "remedy"));
  }
  std::string text = key_values(pairs);
  if (remedies.empty()) return text;
  text += "\n" + table.text() + "\n";
  for (const auto& [reason, remedy] : remedies) text += reason + ": " + remedy + "\n";
  return text;
}

}  // namespace npanel
