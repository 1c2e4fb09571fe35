// SPDX-License-Identifier: Apache-2.0
#include "cmd/npanelctl/show.h"

#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>

#include "cmd/npanelctl/cells.h"
#include "cmd/npanelctl/format.h"

namespace npanel {
namespace {

using nlohmann::json;

constexpr long kForbidden = 403;

struct Label {
  const char* option;  // as npanelctl's options call it
  const char* name;    // as the API calls it
};
constexpr std::array kLimits = {
    Label{.option = "cpu", .name = "cpu_percent"},
    Label{.option = "memory", .name = "memory_max_bytes"},
    Label{.option = "memory-high", .name = "memory_high_bytes"},
    Label{.option = "swap", .name = "swap_max_bytes"},
    Label{.option = "io-read", .name = "io_read_bytes_per_s"},
    Label{.option = "io-write", .name = "io_write_bytes_per_s"},
    Label{.option = "pids", .name = "pids_max"},
};

std::string smtp_cell(const json& rate) {
  return plain(field(rate, "per_minute")) + "/min, burst " + plain(field(rate, "burst")) + ", " +
         plain(field(rate, "mode"));
}

// "100/15min, 500/h, 50000000 bytes/h, 10 connections": the limits that there are.
std::string mail_cell(const json& mail) {
  std::string text;
  for (const auto& [name, value] : mail.items())
    if (!value.is_null()) text.append(text.empty() ? "" : ", ").append(name).append(" ").append(plain(value));
  return text.empty() ? kNoLimit : text;
}

// A limit of a group: "max" when the group is there without one, "-" when the kernel has no such group.
const char* null_limit(const json& group) {
  return group.is_null() ? kUnavailable : kNoLimit;
}

void add_stats(Table& table, const json& stats) {
  const json& cpu = field(stats, "cpu");
  const json& memory = field(stats, "memory");
  const json& io = field(stats, "io");
  const json& pids = field(stats, "pids");
  const json& smtp = field(stats, "smtp");
  table.add({plain(field(stats, "name")), seconds(field(cpu, "usage_us")), seconds(field(cpu, "throttled_us")),
             size(field(memory, "working_set_bytes")), size(field(memory, "current_bytes")),
             size(field(memory, "max_bytes"), null_limit(memory)), size(field(io, "read_bytes")),
             size(field(io, "written_bytes")), plain(field(pids, "current")),
             plain(field(pids, "max"), null_limit(pids)), plain(field(smtp, "allowed")), plain(field(smtp, "denied")),
             plain(field(smtp, "would_have_denied"))});
}

// Which of the features that hold limits are not on for the account.
std::string features_cell(const json& account) {
  const json& features = field(account, "features");
  if (!features.is_object()) return kUnavailable;
  std::string text;
  for (const auto& [name, mode] : features.items())
    if (mode != "enforce") text.append(text.empty() ? "" : ", ").append(name).append(" ").append(plain(mode));
  return text.empty() ? "enforce" : text;
}

void add_degraded(Pairs& pairs, const json& account) {
  const json& degraded = field(account, "degraded");
  const json& features = field(account, "features");
  const bool limited_less = std::ranges::any_of(features, [](const json& mode) { return mode != "enforce"; });
  if (degraded.empty()) pairs.emplace_back("degraded", limited_less ? "no" : "no, every limit is in force");
  for (const json& reason : degraded) pairs.emplace_back("degraded", plain(reason));
}

// Where what holds now is not what was said, and why.
void add_effective(Pairs& pairs, const json& answer) {
  const json& now = field(answer, "effective");
  if (!now.is_object()) return;  // an older agent
  for (const auto& [option, name] : kLimits)
    if (const json& holds = field(field(now, "limits"), name); holds != field(field(answer, "limits"), name))
      pairs.emplace_back("now", std::string(option) + " " + limit(name, holds));
  if (field(now, "smtp") != field(answer, "smtp")) pairs.emplace_back("now", "smtp " + smtp_cell(field(now, "smtp")));
  if (field(now, "mail") != field(answer, "mail")) pairs.emplace_back("now", "mail " + mail_cell(field(now, "mail")));
  for (const json& reason : field(answer, "reasons")) pairs.emplace_back("because", plain(reason));
}

std::string smtp_state(const json& smtp) {
  const json& attached = field(smtp, "attached");
  if (!attached.is_boolean()) return kUnavailable;
  return attached.get<bool>() ? "attached" : "not attached: " + plain(field(smtp, "reason"), "no reason given");
}

std::string reason_of(long status, const json& answer) {
  const json& feature = field(answer, "feature");
  if (status == kForbidden && feature.is_string())
    return plain(feature) + " is off; turn it on with: npanelctl feature enable " + plain(feature);
  const json& detail = field(answer, "detail");
  return detail.is_string() ? plain(detail) : "the agent answered with HTTP status " + std::to_string(status);
}

}  // namespace

std::string accounts_view(const json& answer) {
  Table table({"NAME", ">UID", "STATE", ">CPU", ">MEMORY", ">SWAP", ">IO-READ", ">IO-WRITE", ">PIDS", "SMTP",
               "DEGRADED", "FEATURES"});
  for (const json& account : field(answer, "accounts")) {
    const json& limits = field(account, "limits");
    const auto cell = [&limits](const char* name) { return limit(name, field(limits, name)); };
    table.add({plain(field(account, "name")), plain(field(account, "uid")), plain(field(account, "state")),
               cell("cpu_percent"), cell("memory_max_bytes"), cell("swap_max_bytes"), cell("io_read_bytes_per_s"),
               cell("io_write_bytes_per_s"), cell("pids_max"), smtp_cell(field(account, "smtp")),
               field(account, "degraded").empty() ? "no" : "yes", features_cell(account)});
  }
  return table.text();
}

std::string lost_view(const json& answer) {
  std::string text = "no accounts were lost\n";
  if (field(answer, "lost") == true)
    text = "accounts were lost with a damaged database, found " + plain(field(answer, "found")) + "\n" +
           (field(answer, "taken_over") == true ? "" : "what the kernel holds of them is not in the database yet\n");
  for (const json& sentence : field(answer, "done")) text += "  " + foreign(sentence) + "\n";
  const json& held = field(answer, "held");
  if (!held.is_array() || held.empty()) return text;
  Table table({"CGROUP", "ACCOUNT", ">UID", ">CPU", ">MEMORY", ">PIDS", "SMTP"});
  for (const json& each : held) {
    const auto cell = [&each](const char* name) { return limit(name, field(field(each, "limits"), name)); };
    table.add({foreign(field(each, "cgroup")), plain(field(each, "name")), plain(field(each, "uid")),
               cell("cpu_percent"), cell("memory_max_bytes"), cell("pids_max"), smtp_cell(field(each, "smtp"))});
  }
  return text + "the kernel holds, beside the database's accounts:\n" + table.text();
}

std::string account_view(const json& answer) {
  Pairs pairs;
  for (const char* name : {"name", "uid", "state"}) pairs.emplace_back(name, plain(field(answer, name)));
  for (const auto& [option, name] : kLimits)
    pairs.emplace_back(option, limit(name, field(field(answer, "limits"), name)));
  pairs.emplace_back("smtp", smtp_cell(field(answer, "smtp")));
  pairs.emplace_back("mail", mail_cell(field(answer, "mail")));
  add_effective(pairs, answer);
  for (const auto& [name, mode] : field(answer, "features").items())
    pairs.emplace_back("feature", name + " " + plain(mode));
  add_degraded(pairs, answer);
  return key_values(pairs);
}

std::string dying_view(const json& answer) {
  return printable(plain(field(answer, "name"))) + ": processes are still dying, the agent goes on\n";
}

std::string pids_view(const json& answer) {
  const std::string lines = joined(field(answer, "pids"), "\n", "");
  return lines.empty() ? lines : lines + '\n';
}

std::string stats_view(const json& answer) {
  Table table({"ACCOUNT", ">CPU", ">THROTTLED", ">WORKING-SET", ">MEMORY", ">MEMORY-MAX", ">READ", ">WRITTEN", ">PIDS",
               ">PIDS-MAX", ">SMTP-ALLOWED", ">SMTP-DENIED", ">SMTP-WOULD-DENY"});
  if (answer.contains("stats")) {
    for (const json& stats : field(answer, "stats")) add_stats(table, stats);
  } else {
    add_stats(table, answer);
  }
  return table.text();
}

std::string events_view(const json& answer) {
  Table table({"TIME", "ACCOUNT", "KIND", "DETAIL"});
  for (const json& event : field(answer, "events"))
    table.add({plain(field(event, "time")), plain(field(event, "account")), plain(field(event, "kind")),
               event_detail(field(event, "detail"))});
  return table.text();
}

std::string status_view(const json& answer) {
  const json& smtp = field(answer, "smtp");
  const json& reconcile = field(answer, "reconcile");
  return key_values({{"version", plain(field(answer, "version"))},
                     {"kernel", plain(field(answer, "kernel"))},
                     {"started", plain(field(answer, "started"))},
                     {"accounts", plain(field(answer, "accounts"))},
                     {"cgroup path", plain(field(answer, "cgroup_path"))},
                     {"controllers", joined(field(answer, "controllers"), " ", "none")},
                     {"missing controllers", joined(field(answer, "missing_controllers"), " ", "none")},
                     {"usage source", plain(field(answer, "usage_source"))},
                     {"smtp", smtp_state(smtp)},
                     {"smtp ports", joined(field(smtp, "ports"), " ", "none")},
                     {"smtp lost records", plain(field(smtp, "lost_records"))},
                     {"smtp unknown", plain(field(smtp, "unknown"))},
                     {"reconcile accounts", plain(field(reconcile, "accounts"))},
                     {"reconcile writes", plain(field(reconcile, "writes"))},
                     {"reconcile full pass", plain(field(reconcile, "full_seconds")) + " s"},
                     {"reconcile errors", plain(field(reconcile, "errors"))}});
}

std::string failures_view(const json& answer) {
  Table table({"TIME", "RECOVERED-BY", ">SECONDS", "REASON"});
  for (const json& failed : field(answer, "failures"))
    table.add({plain(field(failed, "time")), plain(field(failed, "recovered_by")),
               plain(field(failed, "recovery_seconds")), plain(field(failed, "reason"))});
  return table.text();
}

std::string watchdog_view(const json& answer) {
  const json& last = field(answer, "last_failure");
  return key_values(
      {{"mode", plain(field(answer, "mode"))},
       {"phase", plain(field(answer, "phase"))},
       {"agent healthy", field(answer, "agent_healthy") == true ? "yes" : "no"},
       {"last check", plain(field(answer, "last_check_us")) + " us"},
       {"last check failed", plain(field(answer, "last_check_failure"), "no")},
       {"recovered by systemd", plain(field(answer, "recovered_by_systemd"))},
       {"recovered by watchdog", plain(field(answer, "recovered_by_watchdog"))},
       {"last recovery", plain(field(answer, "last_recovery_seconds")) + " s"},
       {"restarts last hour",
        plain(field(answer, "restarts_last_hour")) + " of " + plain(field(answer, "restarts_per_hour"))},
       {"last failure", last.is_null() ? "none" : plain(field(last, "time")) + " " + plain(field(last, "reason"))},
       {"version", plain(field(answer, "version"))}});
}

std::string health_view(const json& answer) {
  std::string text = printable(plain(field(answer, "status"))) + '\n';
  for (const json& reason : field(answer, "reasons")) text += "  " + printable(plain(reason)) + '\n';
  if (const json& watchdog = field(answer, "watchdog"); !watchdog.is_null())
    text += "  watchdog: " + printable(plain(watchdog)) + '\n';
  return text;
}

std::string reload_view(const json& answer) {
  const json& waiting = field(answer, "needs_restart");
  Pairs pairs = {{"version", plain(field(answer, "version"))},
                 {"changed", joined(field(answer, "changed"), ", ", "nothing")}};
  if (!waiting.empty())
    pairs.emplace_back("needs a restart", joined(waiting, ", ", "") + "; then: systemctl restart npanel-agent");
  return key_values(pairs);
}

std::string tokens_view(const json& answer) {
  Table table({"NAME", "SCOPE", "CREATED"});
  for (const json& token : field(answer, "tokens"))
    table.add({plain(field(token, "name")), plain(field(token, "scope")), plain(field(token, "created"))});
  return table.text();
}

std::string secret_view(const json& answer) {
  return printable(plain(field(answer, "token"))) + '\n';
}

Result<std::string> show(View view, const std::string& body) {
  const json answer = json::parse(body, nullptr, false);
  if (!answer.is_object()) return failure("the agent's answer is not a JSON object; see it with --json");
  return view(answer);
}

std::optional<std::string> refusal(const Response& response) {
  if (response.succeeded()) return std::nullopt;
  const json answer = json::parse(response.body, nullptr, false);
  if (field(answer, "reasons").is_array()) return std::nullopt;
  std::string text = reason_of(response.status, answer);
  if (!response.request_id.empty()) text += " (request " + response.request_id + ")";
  return printable(text);
}

}  // namespace npanel
