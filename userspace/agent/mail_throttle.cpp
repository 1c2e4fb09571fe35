// SPDX-License-Identifier: Apache-2.0
// mail_throttle.cpp: who sends to those who are not there, or whom nobody wants to hear, sends slower for a while.
#include <algorithm>

#include "agent/agent.h"
#include "api/codec.h"
#include "base/clock.h"
#include "daemon/log.h"

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

MailDecisions Agent::decisions_of(const std::string& account) const {
  const auto found = mail_.decisions.find(account);
  return found == mail_.decisions.end() ? MailDecisions{} : found->second;
}

void Agent::put_decisions(const std::string& account, const MailDecisions& decisions, Notes notes) {
  mail_.decisions[account] = decisions;
  if (const auto saved = ledger_.store().put(account, decisions, notes); saved) return;
  mail_.decisions_unsaved.insert(account);
  ledger_.note(std::move(notes));
}

void Agent::save_decisions() {
  for (auto next = mail_.decisions_unsaved.begin(); next != mail_.decisions_unsaved.end();) {
    if (const auto saved = ledger_.store().put(*next, decisions_of(*next), {}); !saved) {
      ledger_.complain(saved.error());
      return;
    }
    next = mail_.decisions_unsaved.erase(next);
  }
}

void Agent::judge_deliveries() {
  const auto owner_of = [this](const LoggedDelivery& delivery, bool anybodys) { return take_note(delivery, anybodys); };
  for (const std::string& complaint : deliveries_.read(owner_of))
    log_error("what becomes of mail is not known: " + complaint);
  tell_of_findings();
  throttle_the_unwanted();
  end_throttles();
}

// Once: what lasts is in complaints() and in mail_findings().
void Agent::tell_of_findings() {
  Notes notes;
  for (const MailFinding& finding : deliveries_.judge()) {
    log_warning("mail: " + std::string(description(finding.trouble)) + "; " + std::string(remedy(finding.trouble)));
    notes.events.push_back({.at_ms = now_ms(),
                            .kind = "mail_finding",
                            .detail = encode(finding).dump(-1, ' ', true, Json::error_handler_t::replace)});
  }
  if (!notes.empty()) ledger_.note(std::move(notes));
}

void Agent::throttle_the_unwanted() {
  size_t throttled = 0;
  for (const std::string& name : deliveries_.take_changed()) {
    const auto found = accounts_.find(name);
    const bool is_judged = found != accounts_.end() && found->second.account.state != AccountState::deleting;
    if (!is_judged) continue;
    look_at_dns(name);
    if (decisions_of(name).throttle) continue;
    const auto throttle = throttle_for(deliveries_.last_hour(name, Counting::fresh), config_.mail_throttle, now_ms());
    if (!throttle) continue;
    if (++throttled > kAtOnce)
      deliveries_.look_again(name);
    else
      set_throttle(found->second, throttle);
  }
}

// An account whose DNS is wrong is told, and never throttled for it.
void Agent::look_at_dns(const std::string& account) {
  const auto percent = dns_fault_percent(deliveries_.last_hour(account));
  if (!percent) return;
  queue_notice(account, {.reason = std::string(to_string(Outcome::authentication)),
                         .number = *percent,
                         .examples = examples_of(account, Outcome::authentication)});
}

std::vector<std::string> Agent::examples_of(const std::string& account, Outcome outcome) const {
  std::vector<std::string> texts;
  for (const DeliveryExample& each : deliveries_.examples(account))
    if (each.outcome == outcome) texts.push_back(each.domain + ": " + each.answer);
  return texts;
}

void Agent::set_throttle(Entry& entry, std::optional<MailThrottle> throttle) {
  const std::string& name = entry.account.name;
  MailDecisions decisions = decisions_of(name);
  Notes notes = notes_of(agent_itself(), name, decisions.throttle, throttle);
  log_warning("account " + name + ": " + notes.events.front().kind + " " + notes.events.front().detail);
  decisions.throttle = throttle;
  mail_.inherited.erase(name);
  if (throttle) deliveries_.spend(name);
  put_decisions(name, decisions, std::move(notes));
  reconcile(entry);
  // Where the throttle holds nothing back there is nothing to tell.
  const bool enforced = features_.mode_for(NP_EMAIL_RATE_LIMITING, name) == FeatureMode::enforce;
  if (throttle && enforced && effective_mail(entry.account) != entry.account.mail)
    queue_notice(name, {.reason = to_string(throttle->cause),
                        .number = throttle->percent,
                        .examples = examples_of(name, outcome_of(throttle->cause))});
}

// As soon as what caused it is under the bound. An agent that has started since does not know what that was: then what
// has come since must be enough to be judged, and good.
bool Agent::has_ended(const std::string& account, const MailThrottle& throttle) const {
  const Deliveries hour = deliveries_.last_hour(account);
  const bool known = !mail_.inherited.contains(account) || hour.judged() >= config_.mail_throttle.least;
  return known && !is_over_bound(throttle.cause, hour, config_.mail_throttle);
}

// When its time is up, only what has come since can throttle the account again.
void Agent::end_throttles() {
  const int64_t now = now_ms();
  const int64_t latest = now + static_cast<int64_t>(config_.mail_throttle.minutes) * kMsAMinute;
  std::vector<std::string> over;
  for (auto& [name, decisions] : mail_.decisions) {
    if (!decisions.throttle) continue;
    // A clock that was set back holds nobody for longer.
    decisions.throttle->until_ms = std::min(decisions.throttle->until_ms, latest);
    const bool room = over.size() < kAtOnce;
    if (room && (decisions.throttle->until_ms <= now || has_ended(name, *decisions.throttle))) over.push_back(name);
  }
  for (const std::string& name : over) {
    const auto found = accounts_.find(name);
    if (found == accounts_.end() || found->second.account.state == AccountState::deleting) {
      mail_.decisions.erase(name);
      continue;
    }
    set_throttle(found->second, throttle_for(deliveries_.last_hour(name, Counting::fresh), config_.mail_throttle, now));
  }
}

Result<AccountView> Agent::release_throttle(const Caller& caller, const std::string& name) {
  Entry* entry = NP_TRY(find_lasting(name));
  MailDecisions decisions = decisions_of(name);
  deliveries_.forget(name);
  if (!decisions.throttle) return view(*entry);
  const auto throttle = std::exchange(decisions.throttle, std::nullopt);
  mail_.inherited.erase(name);
  NP_TRY(ledger_.commit(caller, notes_of(caller, name, throttle, std::nullopt),
                        [&](Store& store, const Notes& notes) { return store.put(name, decisions, notes); }));
  mail_.decisions[name] = decisions;
  reconcile(*entry);
  return view(*entry);
}

}  // namespace npanel
