// SPDX-License-Identifier: Apache-2.0
// throttle.cpp: who sends to those who are not there, or whom nobody wants to hear, sends slower for a while.
#include <algorithm>

#include "base/clock.h"
#include "daemon/log.h"
#include "mail/mail.h"

namespace npanel {
namespace {

constexpr int64_t kMsAMinute = 60'000;
constexpr size_t kAtOnce = 5;  // accounts a second that are throttled, or released: each is a write to the disk

Notes notes_of(const Caller& caller, const std::string& account, const std::optional<MailThrottle>& before,
               const std::optional<MailThrottle>& after) {
  const Json detail{{"reason", after ? Json(reason_text(*after)) : Json(nullptr)}, {"throttle", encode(after)}};
  return {.events = {{.at_ms = now_ms(),
                      .account = account,
                      .kind = after ? "mail_throttled" : "mail_throttle_released",
                      .detail = detail.dump()}},
          .audit = {audit_entry(caller, "account.mail_throttle", account, "", encode(before), encode(after))}};
}

}  // namespace

MailDecisions Mail::decisions_of(const std::string& account) const {
  const auto found = decisions_.find(account);
  return found == decisions_.end() ? MailDecisions{} : found->second;
}

void Mail::put_decisions(const std::string& account, const MailDecisions& decisions, Notes notes) {
  decisions_[account] = decisions;
  if (const auto saved = core_.ledger.store().put(account, decisions, notes); saved) return;
  decisions_unsaved_.insert(account);
  core_.ledger.note(std::move(notes));
}

void Mail::save_decisions() {
  for (auto next = decisions_unsaved_.begin(); next != decisions_unsaved_.end();) {
    if (const auto saved = core_.ledger.store().put(*next, decisions_of(*next), {}); !saved) {
      core_.ledger.complain(saved.error());
      return;
    }
    next = decisions_unsaved_.erase(next);
  }
}

void Mail::judge_deliveries() {
  const auto owner_of = [this](const LoggedDelivery& delivery, bool anybodys) { return take_note(delivery, anybodys); };
  for (const std::string& complaint : deliveries_.read(owner_of))
    log_error("what becomes of mail is not known: " + complaint);
  tell_of_findings();
  throttle_the_unwanted();
  end_throttles();
}

// Once: what lasts is in complaints() and in mail_findings().
void Mail::tell_of_findings() {
  Notes notes;
  for (const MailFinding& finding : deliveries_.judge()) {
    log_warning("mail: " + std::string(description(finding.trouble)) + "; " + std::string(remedy(finding.trouble)));
    notes.events.push_back({.at_ms = now_ms(),
                            .kind = "mail_finding",
                            .detail = encode(finding).dump(-1, ' ', true, Json::error_handler_t::replace)});
  }
  if (!notes.empty()) core_.ledger.note(std::move(notes));
}

void Mail::throttle_the_unwanted() {
  size_t throttled = 0;
  for (const std::string& name : deliveries_.take_changed()) {
    const auto found = core_.accounts.all().find(name);
    const bool is_judged = found != core_.accounts.all().end() && found->second.account.state != AccountState::deleting;
    if (!is_judged) continue;
    look_at_dns(name);
    if (decisions_of(name).throttle) continue;
    const auto throttle =
        throttle_for(deliveries_.last_hour(name, Counting::fresh), core_.config.mail_throttle, now_ms());
    if (!throttle) continue;
    if (++throttled > kAtOnce)
      deliveries_.look_again(name);
    else
      set_throttle(found->second, throttle);
  }
}

// An account whose DNS is wrong is told, and never throttled for it.
void Mail::look_at_dns(const std::string& account) {
  const auto percent = dns_fault_percent(deliveries_.last_hour(account));
  if (!percent) return;
  queue_notice(account, {.reason = std::string(to_string(Outcome::authentication)),
                         .number = *percent,
                         .examples = examples_of(account, Outcome::authentication)});
}

std::vector<std::string> Mail::examples_of(const std::string& account, Outcome outcome) const {
  std::vector<std::string> texts;
  for (const DeliveryExample& each : deliveries_.examples(account))
    if (each.outcome == outcome) texts.push_back(each.domain + ": " + each.answer);
  return texts;
}

void Mail::set_throttle(AccountEntry& entry, std::optional<MailThrottle> throttle) {
  const std::string& name = entry.account.name;
  MailDecisions decisions = decisions_of(name);
  Notes notes = notes_of(agent_itself(), name, decisions.throttle, throttle);
  log_warning("account " + name + ": " + notes.events.front().kind + " " + notes.events.front().detail);
  decisions.throttle = throttle;
  inherited_.erase(name);
  if (throttle) deliveries_.spend(name);
  put_decisions(name, decisions, std::move(notes));
  core_.enforcer.apply(entry);
  // Where the throttle holds nothing back there is nothing to tell.
  const bool enforced = core_.features.mode_for(NP_EMAIL_RATE_LIMITING, name) == FeatureMode::enforce;
  if (throttle && enforced && core_.enforcer.effective(entry.account).mail != entry.account.mail)
    queue_notice(name, {.reason = to_string(throttle->cause),
                        .number = throttle->percent,
                        .examples = examples_of(name, outcome_of(throttle->cause))});
}

// As soon as what caused it is under the bound. An agent that has started since does not know what that was: then what
// has come since must be enough to be judged, and good.
bool Mail::has_ended(const std::string& account, const MailThrottle& throttle) const {
  const Deliveries hour = deliveries_.last_hour(account);
  const bool known = !inherited_.contains(account) || hour.judged() >= core_.config.mail_throttle.least;
  return known && !is_over_bound(throttle.cause, hour, core_.config.mail_throttle);
}

// When its time is up, only what has come since can throttle the account again.
void Mail::end_throttles() {
  const int64_t now = now_ms();
  const int64_t latest = now + static_cast<int64_t>(core_.config.mail_throttle.minutes) * kMsAMinute;
  std::vector<std::string> over;
  for (auto& [name, decisions] : decisions_) {
    if (!decisions.throttle) continue;
    // A clock that was set back holds nobody for longer.
    decisions.throttle->until_ms = std::min(decisions.throttle->until_ms, latest);
    const bool room = over.size() < kAtOnce;
    if (room && (decisions.throttle->until_ms <= now || has_ended(name, *decisions.throttle))) over.push_back(name);
  }
  for (const std::string& name : over) {
    const auto found = core_.accounts.all().find(name);
    if (found == core_.accounts.all().end() || found->second.account.state == AccountState::deleting) {
      decisions_.erase(name);
      continue;
    }
    set_throttle(found->second,
                 throttle_for(deliveries_.last_hour(name, Counting::fresh), core_.config.mail_throttle, now));
  }
}

Result<AccountView> Mail::release_throttle(const Caller& caller, const std::string& name) {
  AccountEntry* entry = NP_TRY(core_.accounts.find_lasting(name));
  MailDecisions decisions = decisions_of(name);
  deliveries_.forget(name);
  if (!decisions.throttle) return core_.editor.view(*entry);
  const auto throttle = std::exchange(decisions.throttle, std::nullopt);
  inherited_.erase(name);
  NP_TRY(core_.ledger.commit(caller, notes_of(caller, name, throttle, std::nullopt),
                             [&](Store& store, const Notes& notes) { return store.put(name, decisions, notes); }));
  decisions_[name] = decisions;
  core_.enforcer.apply(*entry);
  return core_.editor.view(*entry);
}

}  // namespace npanel
