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
  size_t braked = 0;
  for (const std::string& name : deliveries_.take_changed()) {
    const auto found = accounts_.find(name);
    const bool is_judged = found != accounts_.end() && found->second.account.state != AccountState::deleting;
    if (!is_judged || care_of(name).brake) continue;
    const auto brake = brake_for(deliveries_.last_hour(name), config_.brake, now_ms());
    if (!brake) continue;
    if (++braked > kAtOnce)
      deliveries_.look_again(name);
    else
      put_brake(found->second, brake);
  }
  end_brakes();
}

void Agent::put_brake(Entry& entry, std::optional<MailBrake> brake) {
  const std::string& name = entry.account.name;
  MailCare care = care_of(name);
  Notes notes = notes_of(agent_itself(), name, care.brake, brake);
  log_warning("account " + name + ": " + notes.events.front().kind + " " + notes.events.front().detail);
  care.brake = brake;
  put_care(name, care, std::move(notes));
  reconcile(entry);
  // Where the brake holds nothing back there is nothing to tell.
  const bool enforced = gates_.mode_for(NP_EMAIL_RATE_LIMITING, name) == GateMode::enforce;
  if (brake && enforced && mail_now(entry.account) != entry.account.mail)
    owe_notice(name, {.reason = to_string(brake->cause), .number = brake->percent});
}

// The hour that went by under the brake is judged like any other.
void Agent::end_brakes() {
  const int64_t now = now_ms();
  const int64_t latest = now + static_cast<int64_t>(config_.brake.minutes) * kMsAMinute;
  std::vector<std::string> over;
  for (auto& [name, care] : mail_.care) {
    if (!care.brake) continue;
    care.brake->until_ms = std::min(care.brake->until_ms, latest);  // a clock that was set back holds nobody for longer
    if (care.brake->until_ms <= now && over.size() < kAtOnce) over.push_back(name);
  }
  for (const std::string& name : over) {
    const auto found = accounts_.find(name);
    if (found == accounts_.end() || found->second.account.state == AccountState::deleting) {
      mail_.care.erase(name);
      continue;
    }
    put_brake(found->second, brake_for(deliveries_.last_hour(name), config_.brake, now));
  }
}

Result<AccountView> Agent::release_brake(const Caller& caller, const std::string& name) {
  Entry* entry = NP_TRY(find_lasting(name));
  MailCare care = care_of(name);
  deliveries_.forget(name);
  if (!care.brake) return view(*entry);
  const auto brake = std::exchange(care.brake, std::nullopt);
  NP_TRY(store_.put(name, care, notes_of(caller, name, brake, std::nullopt)));
  log_info("account " + name + ": mail_brake_released by " + caller.actor);
  mail_.care[name] = care;
  reconcile(*entry);
  return view(*entry);
}

}  // namespace npanel
