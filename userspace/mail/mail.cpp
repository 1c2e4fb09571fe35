// SPDX-License-Identifier: Apache-2.0
#include "mail/mail.h"

#include "base/clock.h"
#include "daemon/log.h"
#include "model/unattributed.h"

namespace npanel {
namespace {

constexpr int64_t kSaveEveryMs = 60'000;

template <class Map>
void move_key(Map& map, const std::string& from, const std::string& to) {
  map.erase(to);
  auto moved = map.extract(from);
  if (moved.empty()) return;
  moved.key() = to;
  map.insert(std::move(moved));
}

void move_name(std::set<std::string>& names, const std::string& from, const std::string& to) {
  names.erase(to);
  if (names.erase(from) > 0) names.insert(to);
}

}  // namespace

Result<void> Mail::load() {
  for (auto& [name, decisions] : NP_TRY(core_.ledger.store().mail_decisions())) {
    if (decisions_unsaved_.contains(name)) continue;
    if (decisions.throttle && !decisions_.contains(name)) inherited_.insert(name);
    decisions_.insert_or_assign(name, decisions);
  }
  if (!local_addresses_) open_netlink();
  return {};
}

void Mail::write_back() {
  for (const auto& [name, decisions] : decisions_) decisions_unsaved_.insert(name);
}

void Mail::smtp_came() {
  configured();
  restore_budgets();
  if (tell_smtp_) tell_smtp_(core_.reconciler.smtp()->connect.refusals_fd());
}

void Mail::account_leaves(const Account&) {
  take_refusals();
  flush_refusals(true);
  flush_queries();
}

void Mail::account_gone(const std::string& name) {
  decisions_.erase(name);
  decisions_unsaved_.erase(name);
  inherited_.erase(name);
  notices_.erase(name);
  deliveries_.forget(name);
}

void Mail::account_renamed(const std::string& from, const std::string& to) {
  move_key(decisions_, from, to);
  move_name(decisions_unsaved_, from, to);
  move_name(inherited_, from, to);
  move_key(notices_, from, to);
  deliveries_.rename(from, to);
}

void Mail::every_second() {
  take_refusals();
  flush_refusals();
  for (const std::string& complaint : senders_.refresh()) log_error(complaint + "; carrying on");
  put_unattributed_limits();
  flush_queries();
  end_raises();
  judge_deliveries();
  write_notices();
  if (const int64_t now = steady_ms(); now - saved_at_ms_ >= kSaveEveryMs) {
    saved_at_ms_ = now;
    save_budgets();
    save_decisions();
  }
}

// What ends by the wall clock ends as much later or earlier: so it lasts as long as it was meant to.
void Mail::clock_was_set(int64_t by_ms) {
  for (auto& [name, decisions] : decisions_) {
    if (decisions.throttle) decisions.throttle->until_ms += by_ms;
    if (decisions.noticed_ms != 0) decisions.noticed_ms += by_ms;
    if (decisions.dns_noticed_ms != 0) decisions.dns_noticed_ms += by_ms;
    decisions_unsaved_.insert(name);
  }
}

void Mail::before_exit() {
  flush_refusals(true);
  save_budgets();
}

void Mail::add_problems(std::vector<std::string>& problems) {
  if (auto unattributed = unattributed_complaint()) problems.push_back(std::move(*unattributed));
  for (const MailFinding& finding : deliveries_.findings())
    problems.push_back("mail: " + std::string(description(finding.trouble)) + ": npanelctl mail findings");
}

void Mail::tell(AgentStatus& status) {
  status.mail_failed = failed_;
  status.mail_unclear = deliveries_.unclear_count();
  status.evidence_missing = refusals_.evidence_missing();
}

}  // namespace npanel
