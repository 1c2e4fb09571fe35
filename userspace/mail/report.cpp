// SPDX-License-Identifier: Apache-2.0
// report.cpp: who sends how much, and why does one wait? What the API asks about mail.
#include <algorithm>

#include "base/clock.h"
#include "mail/mail.h"

namespace npanel {
namespace {

constexpr size_t kRefusalsShown = 10;
constexpr int kEventsSearched = 200;
constexpr int64_t kMsASecond = 1000;

bool is_refusal(const Event& event) {
  return event.kind == "mail_deferred" || event.kind == "mail_would_defer" || event.kind == "smtp_denied" ||
         event.kind == "smtp_would_deny";
}

}  // namespace

MailFigures Mail::figures(const AccountEntry& entry) {
  const SmtpPrograms* smtp = core_.reconciler.smtp();
  if (!smtp) return {};
  const uint32_t slot = entry.account.slot;
  const uint64_t now = mail_time_ns();
  const np_mail_budget budget = smtp->mail.budget(slot);
  return {.count = smtp->mail.count(slot),
          .limit = kernel_limit(core_.enforcer.effective(entry.account).mail),
          .sent = {sent(budget, NP_MAIL_QUARTER, now), sent(budget, NP_MAIL_HOUR, now), sent(budget, NP_MAIL_DAY, now)},
          .deliveries = deliveries_.last_hour(entry.account.name),
          .throttled = decisions_of(entry.account.name).throttle.has_value(),
          .open = budget.open};
}

MailStatus Mail::status_of(const AccountEntry& entry) {
  const SmtpPrograms* smtp = core_.reconciler.smtp();
  const Account& account = entry.account;
  MailStatus status{.account = account.name,
                    .mode = core_.features.mode_for(NP_EMAIL_RATE_LIMITING, account.name),
                    .limits = core_.enforcer.effective(account).mail,
                    .raise = account.raise,
                    .throttle = decisions_of(account.name).throttle,
                    .figures = figures(entry),
                    .direct = smtp ? smtp->connect.count(account.slot) : np_smtp_count{}};
  const np_mail_amount one{.messages = 1, .recipients = 1, .bytes = 1};
  if (smtp) status.free_in_s = fits_in_s(smtp->mail.budget(account.slot), status.figures.limit, one, mail_time_ns());
  return status;
}

Result<MailStatus> Mail::status(const std::string& name) {
  MailStatus status = status_of(*NP_TRY(core_.accounts.find(name)));
  for (Event& event : NP_TRY(core_.ledger.store().events(name, kEventsSearched)))
    if (is_refusal(event) && status.refusals.size() < kRefusalsShown) status.refusals.push_back(std::move(event));
  status.examples = deliveries_.examples(name);
  return status;
}

std::vector<MailStatus> Mail::top(size_t most) {
  std::vector<MailStatus> all;
  for (const auto& [name, entry] : core_.accounts.all()) {
    MailStatus status = status_of(entry);
    if (status.figures.any() || status.figures.count.deferred > 0) all.push_back(std::move(status));
  }
  std::ranges::sort(all, [](const MailStatus& one, const MailStatus& other) {
    const auto rank = [](const MailStatus& status) {
      return std::tuple(status.figures.sent[NP_MAIL_HOUR].messages, status.figures.sent[NP_MAIL_DAY].messages,
                        status.figures.count.deferred);
    };
    return rank(one) > rank(other);
  });
  if (all.size() > most) all.resize(most);
  return all;
}

Result<AccountView> Mail::set_raise(const Caller& caller, AccountEntry& entry, std::optional<MailRaise> raise) {
  Account changed = entry.account;
  changed.raise = raise;
  const std::string& name = entry.account.name;
  const Json before = encode(entry.account.raise);
  const Json after = encode(raise);
  const char* kind = raise ? "mail_raised" : "mail_raise_ended";
  return core_.editor.save(
      caller, entry, std::move(changed),
      {.events = {{.at_ms = now_ms(), .account = name, .kind = kind, .detail = Json{{"raise", after}}.dump()}},
       .audit = {audit_entry(caller, "account.mail_raise", name, "", before, after)}});
}

Result<AccountView> Mail::raise(const Caller& caller, const std::string& name, uint64_t messages_per_hour,
                                uint64_t seconds) {
  AccountEntry* entry = NP_TRY(core_.accounts.find_lasting(name));
  const MailRaise raise{.messages_per_hour = messages_per_hour,
                        .until_ms = now_ms() + static_cast<int64_t>(seconds) * kMsASecond,
                        .until_boot_ms = boot_ms() + static_cast<int64_t>(seconds) * kMsASecond};
  NP_TRY(check(raise, entry->account.mail));
  return set_raise(caller, *entry, raise);
}

Result<AccountView> Mail::end_raise(const Caller& caller, const std::string& name) {
  AccountEntry* entry = NP_TRY(core_.accounts.find_lasting(name));
  if (!entry->account.raise) return core_.editor.view(*entry);
  return set_raise(caller, *entry, std::nullopt);
}

}  // namespace npanel
