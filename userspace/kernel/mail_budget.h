// SPDX-License-Identifier: Apache-2.0
// mail_budget.h: how much mail may an account send, what has it sent, and may it send one more?
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "base/result.h"
#include "kernel/pins.h"
#include "model/mail.h"
#include "npanel/mail_query.h"

namespace npanel {

// Now, as np_mail_advance() takes it.
[[nodiscard]] uint64_t mail_time_ns();

// Hashes, 0: not known. An MTA may use a queue id again; its instance tells one message from the next.
struct MessageId {
  uint64_t id = 0;  // of the queue id
  uint64_t instance = 0;
};

// One for each slot, charged by the MTA's questions and by direct connects (bpf/lib/mail_charge.bpf.h) alike.
class MailBudget {
 public:
  static Result<MailBudget> load(const Pins& pins);
  MailBudget(MailBudget&&) noexcept;
  MailBudget& operator=(MailBudget&&) noexcept;
  ~MailBudget();

  // Returns how many map entries were not right already. `parent`: the slot of an account whose mail limits bound the
  // sum of its children's mail; it may have one itself, no more. The error's field is "parent".
  Result<int> set_limit(uint32_t slot, const MailLimits& mail, std::optional<uint32_t> parent = {});
  [[nodiscard]] np_mail_limit limit(uint32_t slot) const;
  // Nobody says any more what the slot may send.
  Result<void> remove_limit(uint32_t slot);

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
  [[nodiscard]] np_mail_count count(uint32_t slot) const;
  // The slot's next life: a full bucket, nothing sent, counts of zero.
  Result<void> reset(uint32_t slot);

  // What its cost is measured by (kernel/cost.h): what no connect hook has; open as long as this object lives.
  [[nodiscard]] std::vector<int> program_fds() const;
  [[nodiscard]] std::vector<int> map_fds() const;

 private:
  struct Loaded;
  explicit MailBudget(std::unique_ptr<Loaded> loaded);
  [[nodiscard]] Result<void> check_parent(uint32_t slot, uint32_t parent) const;
  [[nodiscard]] Result<np_mail_question> ask(const np_mail_question& question) const;
  std::unique_ptr<Loaded> loaded_;
};

}  // namespace npanel
