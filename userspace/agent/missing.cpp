// SPDX-License-Identifier: Apache-2.0
// missing.cpp: what becomes of parts of the kernel that could not be had?
#include "agent/agent.h"
#include "api/codec.h"
#include "base/clock.h"
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

void Agent::retry_missing() {
  if (const auto exit_code = new_process_ ? new_process_->exit_code() : std::nullopt) {
    new_process_.reset();
    stuck_ = *exit_code == 0 && (!reconciler_.smtp() || !reconciler_.usage());
  }
  if (reconciler_.may_get_more() && missing_again_.due(steady_ms())) open_missing();
}

void Agent::open_missing() {
  const bool had_smtp = reconciler_.smtp();
  const bool came = reconciler_.open_missing(config_, users_.find_all(config_.smtp_exempt_users),
                                             features_unknown_ ? std::nullopt : std::optional(features_.kernel()));
  missing_again_.failed(steady_ms());
  if (came) {
    if (features_unknown_) take_features_from_kernel();
    go_on_with_smtp();
    if (!had_smtp && reconciler_.smtp() && tell_smtp_) tell_smtp_(reconciler_.smtp()->refusals_fd());
    reconcile_all();
    subuids_.look_again();
    watch_overhead();
  }
  if (!reconciler_.may_get_more()) missing_again_.succeeded();
  tell_of_missing();
  if (missing_again_.patient() && (!reconciler_.smtp() || !reconciler_.usage())) ask_a_new_process();
}

void Agent::go_on_with_smtp() {
  tell_of_gap();
  take_over_held();
  configure_senders();
  apply_shed();
  restore_budgets();
}

// What ran before was not limited until now, and what it has connected to before is not counted.
void Agent::tell_of_gap() {
  const auto attached_ms = reconciler_.attached_ms();
  if (!reconciler_.attached_first() || !attached_ms || std::exchange(gap_told_, true)) return;
  std::set<uid_t> uids;
  for (const auto& [name, entry] : accounts_)
    if (entry.account.uid) uids.insert(*entry.account.uid);
  const size_t before = count_processes_of(uids);
  log_info("direct SMTP is limited from " + std::to_string(*attached_ms) + " ms after boot on");
  if (before > 0) log_warning(std::to_string(before) + " processes of accounts ran before direct SMTP was limited");
  ledger_.note({.events = {{.at_ms = now_ms(),
                            .account = {},
                            .kind = "smtp_attached",
                            .detail = Json{{"after_boot_ms", *attached_ms}, {"processes_before", before}}.dump()}},
                .audit = {}});
}

void Agent::tell_of_missing() {
  std::vector<Event> events;
  std::map<std::string, std::string> now = reconciler_.missing();
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
  if (!events.empty()) ledger_.note({.events = std::move(events), .audit = {}});
}

// Whatever this process tries, libbpf (1.1) believes for good what its first probes of the kernel have said.
void Agent::ask_a_new_process() {
  if (new_process_) return;
  auto asked = NewProcess::start("--check-kernel");
  if (asked)
    new_process_ = std::move(*asked);
  else
    log_error("whether a new process could load the BPF programs is not known: " + asked.error().text);
}

// smtp.exempt_users whose uids came later, and programs that could not be put back.
void Agent::retry_rules() {
  if (!rules_due_ || !rules_again_.due(steady_ms())) return;
  const auto set = reconciler_.set_rules(config_, users_.find_all(config_.smtp_exempt_users));
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
