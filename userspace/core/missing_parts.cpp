// SPDX-License-Identifier: Apache-2.0
// missing_parts.cpp: what becomes of parts of the kernel that could not be had?
#include "base/clock.h"
#include "core/core.h"
#include "daemon/log.h"
#include "kernel/process.h"

namespace npanel {
namespace {

Event event_of(const char* kind, const std::string& part, const std::string& reason) {
  Json detail{{"part", part}};
  if (!reason.empty()) detail["reason"] = reason;
  return {.at_ms = now_ms(),
          .account = {},
          .kind = kind,
          .detail = detail.dump(-1, ' ', true, Json::error_handler_t::replace)};
}

}  // namespace

void Enforcer::retry_missing() {
  if (const auto exit_code = new_process_ ? new_process_->exit_code() : std::nullopt) {
    new_process_.reset();
    stuck_ = *exit_code == 0 && (!core_.reconciler.smtp() || !core_.reconciler.usage());
  }
  if (core_.reconciler.may_get_more() && missing_again_.due(steady_ms())) open_missing();
}

void Enforcer::open_missing() {
  const bool had_smtp = core_.reconciler.smtp();
  const bool came = core_.reconciler.open_missing(core_.config, core_.users.find_all(core_.config.smtp_exempt_users),
                                                  core_.feature_control.known());
  missing_again_.failed(steady_ms());
  if (came) {
    core_.feature_control.take_from_kernel();
    tell_of_gap();
    core_.feature_control.apply_shed();
    if (!had_smtp && core_.reconciler.smtp())
      for (Room* room : core_.rooms) room->smtp_came();
    apply_all();
    subuids_.look_again();
    watch_overhead();
  }
  if (!core_.reconciler.may_get_more()) missing_again_.succeeded();
  tell_of_missing();
  if (missing_again_.patient() && (!core_.reconciler.smtp() || !core_.reconciler.usage())) ask_a_new_process();
}

// What ran before was not limited until now, and what it has connected to before is not counted.
void Enforcer::tell_of_gap() {
  const auto attached_ms = core_.reconciler.attached_ms();
  if (!core_.reconciler.attached_first() || !attached_ms || std::exchange(gap_told_, true)) return;
  std::set<uid_t> uids;
  for (const auto& [name, entry] : core_.accounts.all())
    if (entry.account.uid) uids.insert(*entry.account.uid);
  const size_t before = count_processes_of(uids);
  log_info("direct SMTP is limited from " + std::to_string(*attached_ms) + " ms after boot on");
  if (before > 0) log_warning(std::to_string(before) + " processes of accounts ran before direct SMTP was limited");
  core_.ledger.note({.events = {{.at_ms = now_ms(),
                                 .account = {},
                                 .kind = "smtp_attached",
                                 .detail = Json{{"after_boot_ms", *attached_ms}, {"processes_before", before}}.dump()}},
                     .audit = {}});
}

void Enforcer::tell_of_missing() {
  std::vector<Event> events;
  std::map<std::string, std::string> now = core_.reconciler.missing();
  for (const auto& [part, reason] : now) {
    if (missing_.contains(part)) continue;
    std::string text = part;
    text.append(" is missing: ").append(reason).append("; tried again by itself");
    log_error(text);
    events.push_back(event_of("part_missing", part, reason));
  }
  for (const auto& [part, reason] : missing_) {
    if (now.contains(part)) continue;
    log_info(part + " is there again");
    events.push_back(event_of("part_back", part, ""));
  }
  missing_ = std::move(now);
  if (!events.empty()) core_.ledger.note({.events = std::move(events), .audit = {}});
}

// Whatever this process tries, libbpf (1.1) believes for good what its first probes of the kernel have said.
void Enforcer::ask_a_new_process() {
  if (new_process_) return;
  auto asked = NewProcess::start("--check-kernel");
  if (asked)
    new_process_ = std::move(*asked);
  else
    log_error("whether a new process could load the BPF programs is not known: " + asked.error().text);
}

// smtp.exempt_users whose uids came later, and programs that could not be put back.
void Enforcer::set_rules() {
  const auto set = core_.reconciler.set_rules(core_.config, core_.users.find_all(core_.config.smtp_exempt_users));
  rules_due_ = !set;
  if (set) {
    rules_again_.succeeded();
    watch_overhead();  // they are other programs now
    return;
  }
  rules_again_.failed(steady_ms());
  log_error("the rules of direct SMTP are not those of the configuration: " + set.error().text + "; tried again");
}

}  // namespace npanel
