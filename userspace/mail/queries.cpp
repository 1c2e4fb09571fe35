// SPDX-License-Identifier: Apache-2.0
// queries.cpp: may this mail go out? What the MTA asks, and what becomes of the answers.
#include <algorithm>
#include <charconv>

#include "base/clock.h"
#include "base/digest.h"
#include "daemon/log.h"
#include "mail/mail.h"

namespace npanel {
namespace {

constexpr const char* kPass = "DUNNO";
constexpr const char* kEndOfMessage = "END-OF-MESSAGE";
constexpr const char* kExpanded = "EXPANDED";
constexpr const char* kRecipient = "RCPT";
constexpr uint64_t kUnchargedMost = 100;

std::string in_words(uint64_t seconds) {
  constexpr uint64_t kMinute = 60;
  constexpr uint64_t kHour = 3600;
  if (seconds < 2 * kMinute) return std::to_string(seconds) + " seconds";
  if (seconds < 2 * kHour) return std::to_string((seconds + kMinute - 1) / kMinute) + " minutes";
  return std::to_string((seconds + kHour - 1) / kHour) + " hours";
}

// A message leaves once for each recipient.
np_mail_amount amount_of(const PolicyRequest& request, uint32_t recipients) {
  const auto bytes = static_cast<unsigned __int128>(request.bytes) * recipients;
  return {.messages = 1,
          .recipients = recipients,
          .bytes = static_cast<uint64_t>(std::min<unsigned __int128>(bytes, kMailBytesMost))};
}

// Much of it is the client's own word, and an event is kept.
std::string clipped(const std::string& text) {
  constexpr size_t kTextMost = 1024;  // bytes
  return text.substr(0, kTextMost);
}

Json who(const PolicyRequest& request, const Whose& whose, uint32_t verdict) {
  const auto uid = request.uid ? request.uid : whose.uid;
  Json json{{"limit", limit_name(verdict)}};
  if (!whose.account) json["reason"] = to_string(whose.why);
  json.update({{"sender", clipped(request.sender)},
               {"login", or_null(clipped(request.sasl_username))},
               {"client", or_null(clipped(request.client_address))},
               {"uid", or_null(uid)},
               {"cwd", or_null(clipped(request.cwd))},
               {"script", or_null(clipped(request.script))},
               {"message", or_null(clipped(request.message))},
               {"recipients", request.recipients},
               {"bytes", request.bytes}});
  return json;
}

NobodyAnswer answer_of(uint32_t answer) {
  switch (answer) {
    case NP_MAIL_ACCEPT:
      return NobodyAnswer::accepted;
    case NP_MAIL_REPEATED:
      return NobodyAnswer::repeated;
    case NP_MAIL_WOULD_DEFER:
      return NobodyAnswer::would_defer;
    case NP_MAIL_DEFER:
      return NobodyAnswer::deferred;
    default:
      return NobodyAnswer::passed;
  }
}

std::string event_kind(bool of_account, bool deferred) {
  return std::string(of_account ? "mail" : "mail_unattributed") + (deferred ? "_deferred" : "_would_defer");
}

// "account bob", and what all such mail is called.
std::string subject(const std::string& account) {
  return account.empty() ? "mail of no account" : "account " + account;
}

}  // namespace

uint64_t message_id(std::string_view queue_id) {
  const std::string digest = sha256_hex(queue_id);
  uint64_t id = 0;
  std::from_chars(digest.data(), digest.data() + 2 * sizeof(id), id, 16);
  return id | 1;
}

MessageId message_id(const PolicyRequest& request) {
  const auto hash = [](const std::string& text) { return text.empty() ? 0 : message_id(text); };
  return {.id = hash(request.message), .instance = hash(request.instance)};
}

void Mail::adjust(const Account& said, EffectiveLimits& effective) const {
  const bool raised = said.raise && !is_over(*said.raise, now_ms(), boot_ms());
  effective.mail = effective_mail_limits(said.mail, raised ? said.raise : std::nullopt,
                                         decisions_of(said.name).throttle.has_value());
}

void Mail::add_reasons(const Account& said, std::vector<std::string>& reasons) const {
  if (said.raise && !is_over(*said.raise, now_ms(), boot_ms()))
    reasons.push_back("mail: raised to " + std::to_string(said.raise->messages_per_hour) + " messages an hour until " +
                      utc_time(said.raise->until_ms));
  if (const auto throttle = decisions_of(said.name).throttle)
    reasons.push_back("mail: throttled until " + utc_time(throttle->until_ms) + ": " + reason_text(*throttle));
}

// RFC 5321: 452 insufficient storage, 550 refused for a policy, 552 exceeded allocation; RFC 3463: 4.7.1, 5.3.4 message
// too big, 5.5.3 too many recipients.
std::string Mail::deferral(uint32_t slot, const Whose& whose, const np_mail_amount& amount, uint32_t verdict) {
  const SmtpPrograms& smtp = *core_.reconciler.smtp();
  const np_mail_limit limit = smtp.mail.limit(slot);
  const std::string what = subject(whose.account.value_or("")) + " has a limit of " + limit_text(verdict, limit);
  const std::string advice = whose.account ? "" : "; to the administrator: " + std::string(remedy(whose.why));
  // What is larger than the limit will not fit tomorrow either.
  switch (never_fits(amount, limit, verdict)) {
    case NP_MAIL_RECIPIENTS:
      return "550 5.5.3 This message has too many recipients: " + what + advice;
    case NP_MAIL_BYTES:
      return "552 5.3.4 This message is too large: " + what + advice;
    default:
      break;
  }
  const auto wait = fits_in_s(smtp.mail.budget(slot), limit, amount, mail_time_ns());
  return "452 4.7.1 Try again later: " + what + ", which is used up" +
         (wait ? "; it is free again in " + in_words(*wait) : "") + advice;
}

// Asked at an earlier state alone nothing would ever be charged.
void Mail::warn_of_uncharged(bool charged) {
  if (charged) charged_once_ = true;
  if (!charged_once_ && ++asked_ == kUnchargedMost)
    log_warning("the MTA has asked " + std::to_string(kUnchargedMost) +
                " times and never at END-OF-MESSAGE: no mail is charged (smtpd_end_of_data_restrictions)");
}

std::string Mail::answer(const PolicyRequest& request) {
  const Overhead::Meter meter(core_.overhead, NP_EMAIL_RATE_LIMITING);
  if (!core_.reconciler.smtp()) return kPass;
  if (request.state == kSelfCheckState) return kPass;
  if (request.state == kExpanded) return answer_expanded(request);
  const Whose whose = senders_.find(request);
  const bool charge = request.state == kEndOfMessage;
  warn_of_uncharged(charge);
  if (whose.account) return answer_for(request, whose, core_.accounts.all().at(*whose.account).account.slot);
  if (is_charged(whose.why)) return answer_for(request, whose, NP_SLOT_NOBODY);
  unattributed_.add(request, whose, NobodyAnswer::passed, charge, now_ms());
  return kPass;
}

uint32_t Mail::recipients_of(const PolicyRequest& request) {
  const bool at_rcpt = request.state == kRecipient && request.recipients == 0;
  if (at_rcpt) return envelopes_.add(message_id(request).instance);
  return std::max(request.recipients, 1U);
}

std::string Mail::answer_for(const PolicyRequest& request, const Whose& whose, uint32_t slot) {
  const bool charge = request.state == kEndOfMessage;
  const np_mail_amount amount = amount_of(request, recipients_of(request));
  const auto answer =
      core_.reconciler.smtp()->mail.ask(slot, amount, message_id(request), charge ? NP_MAIL_CHARGE : NP_MAIL_ASK);
  if (!answer) {
    ++failed_;
    log_error(subject(whose.account.value_or("")) + ": " + answer.error().text + "; the mail passes");
    return kPass;
  }
  if (!whose.account) unattributed_.add(request, whose, answer_of(answer->answer), charge, now_ms());
  return answer_to(request, whose, amount, *answer);
}

std::string Mail::answer_to(const PolicyRequest& request, const Whose& whose, const np_mail_amount& amount,
                            const np_mail_question& answer) {
  const bool deferred = answer.answer == NP_MAIL_DEFER;
  if (!deferred && answer.answer != NP_MAIL_WOULD_DEFER) return kPass;
  auto& bundle = deferrals_[{whose.account.value_or(""), deferred}];
  if (bundle.count++ == 0) bundle.first = who(request, whose, answer.verdict);
  return deferred ? deferral(answer.slot, whose, amount, answer.verdict) : kPass;
}

// One event and one line a second an account, however often it tries; and one for all mail of no account.
void Mail::flush_queries() {
  Notes notes;
  for (auto& [key, bundle] : deferrals_) {
    const auto& [account, deferred] = key;
    Json detail{{"count", bundle.count}};
    detail.update(bundle.first);
    notes.events.push_back({.at_ms = now_ms(),
                            .account = account.empty() ? std::nullopt : std::optional(account),
                            .kind = event_kind(!account.empty(), deferred),
                            .detail = detail.dump(-1, ' ', true, Json::error_handler_t::replace)});
    log_warning(subject(account) + ": " + notes.events.back().kind + " " + notes.events.back().detail);
  }
  deferrals_.clear();
  if (notes.empty()) return;
  queue_notices(notes.events);
  core_.ledger.note(std::move(notes));
}

void Mail::save_budgets() {
  const SmtpPrograms* smtp = core_.reconciler.smtp();
  if (!smtp) return;
  std::vector<StoredBudget> changed;
  for (const auto& [slot, owner] : core_.accounts.slots()) {
    const np_mail_budget budget = smtp->mail.budget(slot);
    const auto state = std::tuple(budget.cell, budget.sent.messages, budget.sent.recipients, budget.sent.bytes);
    if (owner.empty() || budget.cell == 0 || saved_[slot] == state) continue;
    saved_[slot] = state;
    changed.push_back({.account = owner, .saved_ms = now_ms(), .budget = budget});
  }
  if (changed.empty()) return;
  if (const auto saved = core_.ledger.store().put(changed, mail_time_ns()); !saved) {
    saved_.clear();  // all of them again
    core_.ledger.complain(saved.error());
  }
}

// The kernel's map is empty after a reboot. Before the accounts are known to the hooks: what is there already stays.
void Mail::restore_budgets() {
  SmtpPrograms* smtp = core_.reconciler.smtp();
  if (!smtp) return;
  const auto stored = core_.ledger.store().budgets(now_ms(), mail_time_ns());
  if (!stored) {
    log_error(stored.error().text + "; accounts start with nothing sent");
    return;
  }
  for (const StoredBudget& each : *stored) {
    const auto entry = core_.accounts.all().find(each.account);
    if (entry == core_.accounts.all().end()) continue;
    if (const auto put = smtp->mail.put_budget(entry->second.account.slot, each.budget); !put)
      log_error("account " + each.account + ": " + put.error().text + "; it starts with nothing sent");
  }
}

void Mail::end_raises() {
  std::vector<std::string> over;
  for (const auto& [name, entry] : core_.accounts.all())
    if (entry.account.raise && is_over(*entry.account.raise, now_ms(), boot_ms())) over.push_back(name);
  for (const std::string& name : over)
    if (const auto ended = set_raise(agent_itself(), *core_.accounts.get(name), std::nullopt); !ended)
      core_.ledger.complain(ended.error());
}

}  // namespace npanel
