// SPDX-License-Identifier: Apache-2.0
// brake.cpp: who sends to those who are not there, or whom nobody wants to hear, sends slower for a while.
#include <algorithm>

#include "agent/agent.h"
#include "api/codec.h"
#include "base/clock.h"
#include "daemon/log.h"

namespace npanel {
namespace {

constexpr int64_t kMsAMinute = 60'000;
constexpr size_t kAtOnce = 5;  // accounts a second that are braked, or released: each is a write to the disk

Notes notes_of(const Caller& caller, const std::string& account, const std::optional<MailBrake>& before,
               const std::optional<MailBrake>& after) {
  const Json detail{{"reason", after ? Json(reason_text(*after)) : Json(nullptr)}, {"brake", encode(after)}};
  return {.events = {{.at_ms = now_ms(),
                      .account = account,
                      .kind = after ? "mail_braked" : "mail_brake_released",
                      .detail = detail.dump()}},
          .audit = {audit_entry(caller, "account.mail_brake", account, "", encode(before), encode(after))}};
}

}  // namespace

MailCare Agent::care_of(const std::string& account) const {
  const auto found = mail_.care.find(account);
  return found == mail_.care.end() ? MailCare{} : found->second;
}

void Agent::put_care(const std::string& account, const MailCare& care, Notes notes) {
  mail_.care[account] = care;
  if (const auto saved = store_.put(account, care, notes); saved) return;
  mail_.care_unsaved.insert(account);
  save_notes(std::move(notes));
}

void Agent::save_care() {
  for (auto next = mail_.care_unsaved.begin(); next != mail_.care_unsaved.end();) {
    if (const auto saved = store_.put(*next, care_of(*next), {}); !saved) {
      complain_of_store(saved.error());
      return;
    }
    next = mail_.care_unsaved.erase(next);
  }
}

void Agent::mind_deliveries() {
  const auto owner_of = [this](const LoggedDelivery& delivery, bool anybodys) { return take_note(delivery, anybodys); };
  for (const std::string& complaint : deliveries_.read(owner_of))
    log_error("what becomes of mail is not known: " + complaint);
  tell_of_findings();
  brake_the_unwanted();
  end_brakes();
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
  if (!notes.empty()) save_notes(std::move(notes));
}

void Agent::brake_the_unwanted() {
  size_t braked = 0;
  for (const std::string& name : deliveries_.take_changed()) {
    const auto found = accounts_.find(name);
    const bool is_judged = found != accounts_.end() && found->second.account.state != AccountState::deleting;
    if (!is_judged) continue;
    look_at_dns(name);
    if (care_of(name).brake) continue;
    const auto brake = brake_for(deliveries_.last_hour(name, Counting::fresh), config_.brake, now_ms());
    if (!brake) continue;
    if (++braked > kAtOnce)
      deliveries_.look_again(name);
    else
      put_brake(found->second, brake);
  }
}

// An account whose DNS is wrong is told, and never braked for it.
void Agent::look_at_dns(const std::string& account) {
  const auto percent = dns_fault_percent(deliveries_.last_hour(account));
  if (!percent) return;
  owe_notice(account, {.reason = std::string(to_string(Outcome::authentication)),
                       .number = *percent,
                       .examples = examples_of(account, Outcome::authentication)});
}

std::vector<std::string> Agent::examples_of(const std::string& account, Outcome outcome) const {
  std::vector<std::string> texts;
  for (const DeliveryExample& each : deliveries_.examples(account))
    if (each.outcome == outcome) texts.push_back(each.domain + ": " + each.answer);
  return texts;
}

void Agent::put_brake(Entry& entry, std::optional<MailBrake> brake) {
  const std::string& name = entry.account.name;
  MailCare care = care_of(name);
  Notes notes = notes_of(agent_itself(), name, care.brake, brake);
  log_warning("account " + name + ": " + notes.events.front().kind + " " + notes.events.front().detail);
  care.brake = brake;
  mail_.inherited.erase(name);
  if (brake) deliveries_.spend(name);
  put_care(name, care, std::move(notes));
  reconcile(entry);
  // Where the brake holds nothing back there is nothing to tell.
  const bool enforced = gates_.mode_for(NP_EMAIL_RATE_LIMITING, name) == GateMode::enforce;
  if (brake && enforced && mail_now(entry.account) != entry.account.mail)
    owe_notice(name, {.reason = to_string(brake->cause),
                      .number = brake->percent,
                      .examples = examples_of(name, outcome_of(brake->cause))});
}

// As soon as what caused it is under the bound. An agent that has started since does not know what that was: then what
// has come since must be enough to be judged, and good.
bool Agent::has_ended(const std::string& account, const MailBrake& brake) const {
  const Deliveries hour = deliveries_.last_hour(account);
  const bool known = !mail_.inherited.contains(account) || hour.judged() >= config_.brake.least;
  return known && !is_over_bound(brake.cause, hour, config_.brake);
}

// When its time is up, only what has come since can brake the account again.
void Agent::end_brakes() {
  const int64_t now = now_ms();
  const int64_t latest = now + static_cast<int64_t>(config_.brake.minutes) * kMsAMinute;
  std::vector<std::string> over;
  for (auto& [name, care] : mail_.care) {
    if (!care.brake) continue;
    care.brake->until_ms = std::min(care.brake->until_ms, latest);  // a clock that was set back holds nobody for longer
    const bool room = over.size() < kAtOnce;
    if (room && (care.brake->until_ms <= now || has_ended(name, *care.brake))) over.push_back(name);
  }
  for (const std::string& name : over) {
    const auto found = accounts_.find(name);
    if (found == accounts_.end() || found->second.account.state == AccountState::deleting) {
      mail_.care.erase(name);
      continue;
    }
    put_brake(found->second, brake_for(deliveries_.last_hour(name, Counting::fresh), config_.brake, now));
  }
}

Result<AccountView> Agent::release_brake(const Caller& caller, const std::string& name) {
  Entry* entry = NP_TRY(find_lasting(name));
  MailCare care = care_of(name);
  deliveries_.forget(name);
  if (!care.brake) return view(*entry);
  const auto brake = std::exchange(care.brake, std::nullopt);
  mail_.inherited.erase(name);
  NP_TRY(store_.put(name, care, notes_of(caller, name, brake, std::nullopt)));
  log_info("account " + name + ": mail_brake_released by " + caller.actor);
  mail_.care[name] = care;
  reconcile(*entry);
  return view(*entry);
}

}  // namespace npanel
