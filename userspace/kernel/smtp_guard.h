// SPDX-License-Identifier: Apache-2.0
// smtp_guard.h: how are an account's limits on direct SMTP and on mail given to the kernel, and what did it count?
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/result.h"
#include "model/account.h"
#include "model/feature.h"
#include "model/subuid.h"
#include "npanel/smtp.h"

struct np_smtp_bpf;

namespace npanel {

// Now, as np_mail_advance() takes it.
[[nodiscard]] uint64_t mail_time_ns();

// Hashes, 0: not known. An MTA may use a queue id again; its instance tells one message from the next.
struct MessageId {
  uint64_t id = 0;  // of the queue id
  uint64_t instance = 0;
};

// What is the same for all accounts; constants of the programs, but for `allow`.
struct SmtpRules {
  std::vector<uint16_t> ports = {25, 465, 587};  // at most NP_SMTP_PORTS
  std::vector<uid_t> exempt_uids = {};           // at most NP_SMTP_EXEMPT
  std::vector<np_smtp_net> allow = {};           // at most NP_SMTP_NETS
  uint16_t redirect_port = 25;                   // of the local MTA; 0: none

  bool operator==(const SmtpRules& other) const;
};

// The programs, maps and links are pinned, so limits and counting go on while no agent runs; the next agent adopts
// them.
class SmtpGuard {
 public:
  struct Options {
    int cgroup_fd;        // where the hooks attach: the cgroup v2 root
    int account_level;    // depth of an account's cgroup below the cgroup v2 root
    std::string pin_dir;  // below a bpffs
    SmtpRules rules = {};
    std::optional<FeatureTable> gates;  // in force before the first connect() is seen; nullopt: as they are pinned
  };
  static Result<SmtpGuard> attach(const Options& options);
  SmtpGuard(SmtpGuard&&) noexcept;
  SmtpGuard& operator=(SmtpGuard&&) noexcept;
  ~SmtpGuard();

  // The programs that were behind the hooks.
  using Former = std::shared_ptr<np_smtp_bpf>;
  // From the next connect() on. Counts, buckets and limits stay. What fails changes nothing.
  Result<Former> set_rules(const SmtpRules& rules);
  // The rules before are in force again.
  Result<void> put_back(Former former);
  [[nodiscard]] FeatureTable gates() const;
  // Obeyed by the very next connect(). Returns how many entries were not right already.
  Result<int> set_gates(const FeatureTable& gates);
  // Makes the kernel say what the account says; returns how many map entries were not right already.
  // `mail`: the account's limits as they are at the moment (model/mail). `parent`: the slot of an account whose mail
  // limits bound the sum of its children's mail; it may have one itself, no more. The error's field is "parent".
  Result<int> set(const Account& account, const MailLimits& mail, std::optional<uint64_t> cgroup_id,
                  np_override override, std::optional<uint32_t> parent = {});
  // The limits of all mail that no account owns (NP_SLOT_NOBODY), in force where the rollout has reached `place`.
  Result<int> set_unattributed(const MailLimits& mail, uint32_t place);
  // Whose processes have this uid, or it for a subordinate one, where no cgroup says more? nullopt: no account's.
  [[nodiscard]] std::optional<uint32_t> slot_of_user(uid_t uid) const;
  // An account that is new in this slot starts with a full bucket and counts of zero.
  Result<void> reset(uint32_t slot);
  // Forgets the account; its slot may be used again. Its subordinate uids go with the next set_subuids().
  Result<void> remove(const Account& account, std::optional<uint64_t> cgroup_id);
  // The account's uid is nobody's, or another account's, from now on.
  Result<void> forget_uid(const Account& account);
  // Whose the uids of user namespaces are; replaces all that was said before.
  struct Subuids {
    uint32_t slot;
    std::vector<SubuidRange> ranges;
  };
  Result<void> set_subuids(const std::vector<Subuids>& all);
  // Removes every cgroup id and uid that `known` does not own; returns how many.
  struct Owner {
    std::optional<uint64_t> cgroup_id;
    std::optional<uid_t> uid;
    bool stranger = false;  // no account of the database: whatever uid has the slot of this cgroup stays, too
  };
  Result<int> forget_all_but(std::span<const Owner> known);

  // What the maps say of one account, whatever anybody else does.
  struct Held {
    uint32_t slot;
    std::optional<uid_t> uid;
    SmtpLimit smtp;
    MailLimits mail;  // under a raise or a throttle, if there is one
  };
  // By cgroup id.
  [[nodiscard]] std::map<uint64_t, Held> held() const;
  // The slots that the kernel's maps speak of.
  [[nodiscard]] std::vector<uint32_t> used_slots() const;

  // Charges what fits, atomically with the connect hooks; a message is charged once an account. Answer and verdict are
  // in what comes back.
  [[nodiscard]] Result<np_mail_question> ask(uint32_t slot, const np_mail_amount& amount, const MessageId& message,
                                             np_mail_charge charge) const;
  // The same for one recipient of a charged message, beyond this host: it is known once, and charged when more are
  // known than were charged. `recipient`: a hash of message and recipient.
  [[nodiscard]] Result<np_mail_question> ask(uint32_t slot, const MessageId& message, uint64_t recipient,
                                             np_mail_more how) const;
  [[nodiscard]] bool knows(uint64_t recipient) const;
  // To whom the message of that queue id was charged last; nullopt: to nobody, or too many came after it.
  [[nodiscard]] std::optional<np_mail_charged> charged(uint64_t id) const;
  // What the account has sent; cell 0: nothing yet. put_budget() is for after a reboot, before the hooks know the
  // account: what is there already stays.
  [[nodiscard]] np_mail_budget budget(uint32_t slot) const;
  Result<void> put_budget(uint32_t slot, const np_mail_budget& budget);
  [[nodiscard]] np_mail_limit mail_limit(uint32_t slot) const;
  [[nodiscard]] np_mail_count mail_count(uint32_t slot) const;

  // Compares the counts of open connections of the next 400 slots with the sockets that there are. What was wrong, and
  // equally so when it was compared last (once a second: 25 s ago, so not one that was just being opened), is
  // corrected. Returns how many accounts' were.
  Result<int> recount_open();

  [[nodiscard]] np_smtp_count count(uint32_t slot) const;
  [[nodiscard]] np_smtp_total total() const;

  // At the most so many records a second of one account, NP_SMTP_RECORDS_A_SECOND at first; refused is refused all the
  // same, and counted.
  Result<void> set_records_a_second(uint32_t most);

  // Becomes readable when refusals wait.
  [[nodiscard]] int refusals_fd() const;
  // Hands over every refusal that waits.
  Result<void> drain_refusals(const std::function<void(const np_smtp_refusal&)>& each);

  // What its cost is measured by (kernel/cost.h); open as long as this object lives.
  [[nodiscard]] std::vector<int> program_fds() const;
  [[nodiscard]] std::vector<int> map_fds() const;

 private:
  struct Attached;
  [[nodiscard]] Result<void> check_parent(uint32_t slot, uint32_t parent) const;
  [[nodiscard]] Result<np_mail_question> ask(const np_mail_question& question) const;
  Result<Former> swap(Former fresh);
  explicit SmtpGuard(std::unique_ptr<Attached> attached);
  std::unique_ptr<Attached> attached_;
};

}  // namespace npanel
