// SPDX-License-Identifier: Apache-2.0
// mail.cpp: may this mail go out? What the MTA asks, and what becomes of the answers.
#include <algorithm>
#include <charconv>

#include "agent/agent.h"
#include "api/codec.h"
#include "base/clock.h"
#include "base/digest.h"
#include "daemon/log.h"

namespace npanel {
namespace {

constexpr const char* kPass = "DUNNO";
constexpr const char* kEndOfMessage = "END-OF-MESSAGE";
constexpr int64_t kSaveEveryMs = 60'000;
constexpr uint64_t kUnchargedMost = 100;

std::string in_words(uint64_t seconds) {
  constexpr uint64_t kMinute = 60;
  constexpr uint64_t kHour = 3600;
  if (seconds < 2 * kMinute) return std::to_string(seconds) + " seconds";
  if (seconds < 2 * kHour) return std::to_string((seconds + kMinute - 1) / kMinute) + " minutes";
  return std::to_string((seconds + kHour - 1) / kHour) + " hours";
}

np_mail_amount amount_of(const PolicyRequest& request) {
  return {.messages = 1, .recipients = std::max(request.recipients, 1U), .bytes = request.bytes};
}

Json who(const PolicyRequest& request, uint32_t verdict) {
  return {{"limit", limit_name(verdict)},
          {"sender", request.sender},
          {"login", or_null(request.sasl_username)},
          {"client", or_null(request.client_address)},
          {"uid", or_null(request.uid)},
          {"cwd", or_null(request.cwd)},
          {"script", or_null(request.script)},
          {"message", or_null(request.message)},
          {"recipients", request.recipients},
          {"bytes", request.bytes}};
}

}  // namespace

uint64_t message_id(std::string_view queue_id) {
  const std::string digest = sha256_hex(queue_id);
  uint64_t id = 0;
  std::from_chars(digest.data(), digest.data() + 2 * sizeof(id), id, 16);
  return id | 1;
}

MailLimits Agent::mail_now(const Account& account) const {
  return mail_in_force(account.mail, account.raise, care_of(account.name).brake.has_value(), now_ms());
}

// RFC 5321: 452 insufficient storage, 552 exceeded allocation; RFC 3463: 4.7.1, 5.3.4.
std::string Agent::deferral(const Entry& entry, const np_mail_amount& amount, uint32_t verdict) {
  const SmtpGuard& smtp = *reconciler_.smtp();
  const np_mail_limit limit = smtp.mail_limit(entry.account.slot);
  const std::string what = "account " + entry.account.name + " has a limit of " + limit_text(verdict, limit);
  const np_mail_amount& window = limit.windows[std::min<uint32_t>(verdict / 4, NP_MAIL_DAY)];
  const np_mail_amount nothing{};
  // What is larger than the limit will not fit tomorrow either.
  if (verdict % 4 != NP_MAIL_MESSAGES && np_mail_over(&nothing, &amount, &window) == verdict % 4)
    return "552 5.3.4 This message is too large: " + what;
  const auto wait = fits_in_s(smtp.budget(entry.account.slot), limit, amount, mail_time_ns());
  return "452 4.7.1 Try again later: " + what + ", which is used up" +
         (wait ? "; it is free again in " + in_words(*wait) : "");
}

// Asked at an earlier state alone nothing would ever be charged.
void Agent::mind_uncharged(bool charged) {
  if (charged) mail_.charged_once = true;
  if (!mail_.charged_once && ++mail_.asked == kUnchargedMost)
    log_warning("the MTA has asked " + std::to_string(kUnchargedMost) +
                " times and never at END-OF-MESSAGE: no mail is charged (smtpd_end_of_data_restrictions)");
}

std::string Agent::answer_mail(const PolicyRequest& request) {
  const Spending::Meter meter(spending_, NP_EMAIL_RATE_LIMITING);
  if (!reconciler_.smtp()) return kPass;
  const auto name = senders_.find(request, [this](const std::string& account) { return accounts_.contains(account); });
  if (!name) {
    ++mail_.unknown;
    return kPass;
  }
  const Entry& entry = accounts_.at(*name);
  const bool charge = request.state == kEndOfMessage;
  mind_uncharged(charge);
  const np_mail_amount amount = amount_of(request);
  const auto answer =
      reconciler_.smtp()->ask(entry.account.slot, amount, request.message.empty() ? 0 : message_id(request.message),
                              charge ? NP_MAIL_CHARGE : NP_MAIL_ASK);
  if (!answer) {
    ++mail_.failed;
    log_error("account " + *name + ": " + answer.error().text + "; the mail passes");
    return kPass;
  }
  const bool deferred = answer->answer == NP_MAIL_DEFER;
  if (!deferred && answer->answer != NP_MAIL_WOULD_DEFER) return kPass;
  auto& bundle = mail_.refusals[{*name, deferred}];
  if (bundle.count++ == 0) bundle.first = who(request, answer->verdict);
  return deferred ? deferral(entry, amount, answer->verdict) : kPass;
}

// One event and one line a second an account, however often it tries.
void Agent::write_down_mail() {
  Notes notes;
  for (auto& [key, bundle] : mail_.refusals) {
    const auto& [account, deferred] = key;
    Json detail{{"count", bundle.count}};
    detail.update(bundle.first);
    notes.events.push_back({.at_ms = now_ms(),
                            .account = account,
                            .kind = deferred ? "mail_deferred" : "mail_would_defer",
                            .detail = detail.dump(-1, ' ', true, Json::error_handler_t::replace)});
    log_warning("account " + account + ": " + notes.events.back().kind + " " + notes.events.back().detail);
  }
  mail_.refusals.clear();
  if (notes.empty()) return;
  owe_notices(notes.events);
  save_notes(std::move(notes));
}

void Agent::mind_mail() {
  for (const std::string& complaint : senders_.refresh()) log_error(complaint + "; carrying on");
  write_down_mail();
  end_raises();
  mind_deliveries();
  write_notices();
  if (const int64_t now = steady_ms(); now - mail_.saved_at_ms >= kSaveEveryMs) {
    mail_.saved_at_ms = now;
    save_budgets();
    save_care();
  }
}

void Agent::save_budgets() {
  const SmtpGuard* smtp = reconciler_.smtp();
  if (!smtp) return;
  std::vector<StoredBudget> changed;
  for (const auto& [slot, owner] : slots_) {
    const np_mail_budget budget = smtp->budget(slot);
    const auto state = std::tuple(budget.cell, budget.sent.messages, budget.sent.recipients, budget.sent.bytes);
    if (owner.empty() || budget.cell == 0 || mail_.saved[slot] == state) continue;
    mail_.saved[slot] = state;
    changed.push_back({.account = owner, .saved_ms = now_ms(), .budget = budget});
  }
  if (changed.empty()) return;
  if (const auto saved = store_.put(changed, mail_time_ns()); !saved) {
    mail_.saved.clear();  // all of them again
    complain_of_store(saved.error());
  }
}

// The kernel's map is empty after a reboot. Before the accounts are known to the hooks: what is there already stays.
void Agent::restore_budgets() {
  SmtpGuard* smtp = reconciler_.smtp();
  if (!smtp) return;
  const auto stored = store_.budgets(now_ms(), mail_time_ns());
  if (!stored) {
    log_error(stored.error().text + "; accounts start with nothing sent");
    return;
  }
  for (const StoredBudget& each : *stored) {
    const auto entry = accounts_.find(each.account);
    if (entry == accounts_.end()) continue;
    if (const auto put = smtp->put_budget(entry->second.account.slot, each.budget); !put)
      log_error("account " + each.account + ": " + put.error().text + "; it starts with nothing sent");
  }
}

void Agent::end_raises() {
  for (const std::string& name : std::vector(mail_.raised.begin(), mail_.raised.end())) {
    const auto found = accounts_.find(name);
    if (found == accounts_.end() || !found->second.account.raise) {
      mail_.raised.erase(name);
      continue;
    }
    if (now_ms() < found->second.account.raise->until_ms) continue;
    if (const auto ended = set_raise(agent_itself(), found->second, std::nullopt); !ended)
      complain_of_store(ended.error());
  }
}

void Agent::stop() {
  tick();
  save_budgets();
}

}  // namespace npanel
