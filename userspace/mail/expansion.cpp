// SPDX-License-Identifier: Apache-2.0
// expansion.cpp: to how many does a message go in the end? Whom an alias or a .forward has added is charged beside
// those of the envelope: before they get it where the MTA asks again (Exim), when the log tells of it otherwise.
#include <string>

#include "base/clock.h"
#include "daemon/log.h"
#include "mail/delivery_parts.h"
#include "mail/mail.h"

namespace npanel {
namespace {

constexpr np_mail_amount kOneRecipient{.messages = 0, .recipients = 1, .bytes = 0};
// Exim tries again after 15 minutes, Postfix after 5: what is put off later has been counted.
constexpr uint64_t kFirstTryNs = 240 * NP_SECOND_NS;

uint64_t recipient_id(const MessageId& message, const std::string& recipient) {
  const std::string instance = message.instance == 0 ? "" : "/" + std::to_string(message.instance);
  return message_id(std::to_string(message.id) + instance + " " + recipient);
}

}  // namespace

std::optional<Mail::ChargedMessage> Mail::charged_message(uint64_t id) {
  const SmtpPrograms* smtp = core_.reconciler.smtp();
  const auto charged = smtp ? smtp->mail.charged(id) : std::nullopt;
  if (!charged) return std::nullopt;
  const AccountEntry* entry = core_.accounts.of_slot(charged->slot);
  if (!entry || charged->at_ns < entry->since_ns) return std::nullopt;
  return ChargedMessage{.id = {.id = id, .instance = charged->instance}, .charged = *charged, .entry = entry};
}

np_mail_question Mail::charge_recipient(const ChargedMessage& message, uint64_t recipient, np_mail_more how) {
  const Account& account = message.entry->account;
  const auto answer = core_.reconciler.smtp()->mail.ask(account.slot, message.id, recipient, how);
  if (answer) return *answer;
  ++failed_;
  log_error("account " + account.name + ": " + answer.error().text + "; a recipient is not charged");
  return {};
}

std::string Mail::answer_expanded(const PolicyRequest& request) {
  recipients_asked_ = true;
  const MessageId asked = message_id(request);
  const auto message = charged_message(asked.id);
  const bool is_it = message && (asked.instance == 0 || asked.instance == message->id.instance);
  if (!is_it || request.recipient.empty()) return "DUNNO";  // nobody's: it came from elsewhere
  const uint64_t recipient = recipient_id(message->id, lower_case(request.recipient));
  const auto answer = charge_recipient(*message, recipient, NP_MAIL_MORE);
  return answer_to(request, {.account = message->entry->account.name}, kOneRecipient, answer);
}

// Where Exim asks about recipients, what it has not asked about is not its own line. Else, what somebody else may have
// written is no evidence, for or against anybody.
std::optional<CountedDelivery> Mail::take_note(const LoggedDelivery& delivery, bool anybodys) {
  const Overhead::Meter meter(core_.overhead, NP_EMAIL_RATE_LIMITING);
  const bool asked = delivery.mta == Mta::exim && recipients_asked_;
  if (anybodys && !asked) return std::nullopt;
  const auto message = message_of(delivery);
  if (!message) return std::nullopt;
  const uint64_t recipient = recipient_id(message->id, delivery.recipient);
  if (asked && !core_.reconciler.smtp()->mail.knows(recipient)) return std::nullopt;
  if (delivery.remote) charge_recipient(*message, recipient, NP_MAIL_MORE_ANYWAY);
  const Verdict verdict = verdict_of(delivery.facts);
  // Who has it on this host says nothing of how it is received elsewhere.
  if (verdict.outcome == Outcome::accepted && !delivery.remote) return std::nullopt;
  const bool late = boot_ns() - message->charged.at_ns > kFirstTryNs;
  if (verdict.outcome == Outcome::deferred_recipient && late && !delivery.facts.permanent) return std::nullopt;
  const auto charged = core_.reconciler.smtp()->mail.charged(message->id.id);
  // Another message of the same queue id is another one here, too.
  const uint64_t whole = message->id.id ^ message->id.instance;
  const bool decided = delivery.facts.accepted || delivery.facts.permanent;
  if (!messages_.judge(whole, recipient, decided, charged ? charged->recipients : 0)) return std::nullopt;
  return CountedDelivery{
      .account = message->entry->account.name, .recipient = message_id(delivery.recipient), .verdict = verdict};
}

// A message that local(8) forwards has an id of its own, of which the MTA asks nobody.
std::optional<Mail::ChargedMessage> Mail::message_of(const LoggedDelivery& delivery) {
  const uint64_t id = message_id(delivery.queue_id);
  auto message = charged_message(id);
  if (const uint64_t whole = messages_.whole(id); !message && whole != id) message = charged_message(whole);
  if (!delivery.forwarded_as.empty() && delivery.forwarded_as != delivery.queue_id)
    messages_.join(message_id(delivery.forwarded_as), message ? message->id.id : 0);
  return message;
}

}  // namespace npanel
