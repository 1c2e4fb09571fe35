// SPDX-License-Identifier: Apache-2.0
// mail.h: may this mail, and this connection, go out, and what becomes of it?
#pragma once

#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "core/core.h"
#include "kernel/local_addresses.h"
#include "mail/delivery_stats.h"
#include "mail/envelope_count.h"
#include "mail/message_outcomes.h"
#include "mail/notice.h"
#include "mail/refusals.h"
#include "mail/senders.h"
#include "mail/unattributed_stats.h"

namespace npanel {

// Never 0, which stands for no message.
[[nodiscard]] uint64_t message_id(std::string_view queue_id);
[[nodiscard]] MessageId message_id(const PolicyRequest& request);

class Mail final : public Room {
 public:
  explicit Mail(Core& core) : core_(core) {}
  // What was decided earlier. After the accounts; again when the database was opened anew.
  Result<void> load();

  // The MTA's question, and the action that answers it.
  [[nodiscard]] std::string answer(const PolicyRequest& request);
  // Who waits for refusals of direct SMTP: told the descriptor now, or once there is one, and when it is readable,
  // take_refusals() is to be called.
  void on_smtp(std::function<void(int refusals_fd)> tell);
  void take_refusals();
  // What was decided since the backup was made that came back is written with the next minute.
  void write_back();
  // What the API asks for.
  // What the account has sent, what it may, and who was refused last.
  [[nodiscard]] Result<MailStatus> status(const std::string& name);
  // Those that have sent something within a day, or were deferred: the most in this hour first. Without refusals.
  [[nodiscard]] std::vector<MailStatus> top(size_t most);
  // Mail that no account owns: its allowance, and who sent it last.
  [[nodiscard]] UnattributedMail unattributed();
  // Answers of other servers that are not understood, and so count for nothing.
  [[nodiscard]] UnclearMail unclear() const { return deliveries_.unclear(); }
  // The server's own troubles with its mail.
  [[nodiscard]] std::vector<MailFinding> findings() const { return deliveries_.findings(); }
  Result<AccountView> raise(const Caller& caller, const std::string& name, uint64_t messages_per_hour,
                            uint64_t seconds);
  Result<AccountView> end_raise(const Caller& caller, const std::string& name);
  // What was delivered badly until now is forgotten, too.
  Result<AccountView> release_throttle(const Caller& caller, const std::string& name);
  // Of the server, in the status.
  void tell(AgentStatus& status);
  [[nodiscard]] MailFigures figures(const AccountEntry& entry);

  [[nodiscard]] std::vector<Route> routes() override;
  void configured() override;
  void smtp_came() override;
  void adjust(const Account& said, EffectiveLimits& effective) const override;
  void add_reasons(const Account& said, std::vector<std::string>& reasons) const override;
  void account_leaves(const Account& account) override;
  void account_gone(const std::string& name) override;
  void account_renamed(const std::string& from, const std::string& to) override;
  void every_second() override;
  void clock_was_set(int64_t by_ms) override;
  void before_exit() override;
  void add_problems(std::vector<std::string>& problems) override;

 private:
  struct Bundle {
    uint64_t count = 0;
    Json first;
  };
  // A message that was charged, and to whom.
  struct ChargedMessage {
    MessageId id;
    np_mail_charged charged;
    const AccountEntry* entry;
  };

  // queries.cpp
  [[nodiscard]] std::string deferral(uint32_t slot, const Whose& whose, const np_mail_amount& amount, uint32_t verdict);
  // At RCPT: those that were asked about until now.
  [[nodiscard]] uint32_t recipients_of(const PolicyRequest& request);
  [[nodiscard]] std::string answer_for(const PolicyRequest& request, const Whose& whose, uint32_t slot);
  [[nodiscard]] std::string answer_to(const PolicyRequest& request, const Whose& whose, const np_mail_amount& amount,
                                      const np_mail_question& answer);
  void warn_of_uncharged(bool charged);
  void flush_queries();
  void save_budgets();
  void restore_budgets();
  void end_raises();

  // expansion.cpp
  [[nodiscard]] std::optional<ChargedMessage> charged_message(uint64_t id);
  [[nodiscard]] std::optional<ChargedMessage> message_of(const LoggedDelivery& delivery);
  // One recipient of it beyond this host.
  np_mail_question charge_recipient(const ChargedMessage& message, uint64_t recipient, np_mail_more how);
  [[nodiscard]] std::string answer_expanded(const PolicyRequest& request);
  // Charges what has left beside what was charged. What counts, and in whose hour.
  std::optional<CountedDelivery> take_note(const LoggedDelivery& delivery, bool anybodys);

  // unattributed.cpp
  void open_netlink();
  void put_unattributed_limits();
  [[nodiscard]] FeatureMode unattributed_mode() const;
  [[nodiscard]] std::optional<std::string> unattributed_complaint();
  [[nodiscard]] std::optional<Opener> opener_of(const PolicyRequest& request);
  [[nodiscard]] std::optional<uint32_t> slot_of_user(uid_t uid);
  [[nodiscard]] std::optional<bool> is_local(const NetAddress& address);

  // direct.cpp: `all`: also what still waits for evidence.
  void flush_refusals(bool all = false);
  // Asks npanel-helper who was refused.
  void look_for(const np_smtp_refusal& refusal, Seen seen);

  // throttle.cpp
  [[nodiscard]] MailDecisions decisions_of(const std::string& account) const;
  // What the agent itself has decided holds, whether the disk takes it or not: it is tried again.
  void put_decisions(const std::string& account, const MailDecisions& decisions, Notes notes);
  void save_decisions();
  void judge_deliveries();
  void set_throttle(AccountEntry& entry, std::optional<MailThrottle> throttle);
  void end_throttles();
  [[nodiscard]] bool has_ended(const std::string& account, const MailThrottle& throttle) const;
  void tell_of_findings();
  void throttle_the_unwanted();
  void look_at_dns(const std::string& account);
  [[nodiscard]] std::vector<std::string> examples_of(const std::string& account, Outcome outcome) const;

  // owner_notices.cpp: once in the cool-down an account's owner gets a letter; a few are written each second.
  void queue_notice(const std::string& account, NoticeFacts facts);
  void queue_notices(const std::vector<Event>& refusals);
  void write_notices();
  void write_notice(const Account& account, NoticeFacts facts);

  // report.cpp
  [[nodiscard]] MailStatus status_of(const AccountEntry& entry);
  Result<AccountView> set_raise(const Caller& caller, AccountEntry& entry, std::optional<MailRaise> raise);

  Core& core_;
  // Refused questions since the last second, by account, "" for none; deferred, or only observed.
  std::map<std::pair<std::string, bool>, Bundle> deferrals_;
  StoredMailDecisions decisions_;
  std::set<std::string> decisions_unsaved_;
  std::set<std::string> inherited_;             // throttles older than this agent, which does not know what caused them
  std::map<std::string, NoticeFacts> notices_;  // letters to owners, by account
  std::map<uint32_t, std::tuple<uint64_t, uint32_t, uint32_t, uint64_t>> saved_;  // by slot: cell and sent then
  int64_t saved_at_ms_ = 0;
  MessageOutcomes messages_;
  EnvelopeCount envelopes_;
  bool recipients_asked_ = false;  // the MTA asks about them, too
  uint64_t failed_ = 0;            // questions that the kernel did not answer: passed
  uint64_t asked_ = 0;
  bool charged_once_ = false;
  Refusals refusals_;
  std::function<void(int)> tell_smtp_;
  std::optional<LocalAddresses> local_addresses_;
  Senders senders_{{.exists = [this](const std::string& account) { return core_.accounts.get(account) != nullptr; },
                    .owner_of = [this](uint32_t slot) { return core_.accounts.owner_of_slot(slot); },
                    .slot_of_user = [this](uid_t uid) { return slot_of_user(uid); },
                    .opener = [this](const PolicyRequest& request) { return opener_of(request); },
                    .is_local = [this](const NetAddress& address) { return is_local(address); }}};
  UnattributedStats unattributed_;
  DeliveryStats deliveries_;
};

}  // namespace npanel
