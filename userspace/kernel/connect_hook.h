// SPDX-License-Identifier: Apache-2.0
// connect_hook.h: how do the connect hooks come to run by which rules, and what do they count and tell?
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "kernel/pins.h"
#include "npanel/smtp.h"

struct np_connect_bpf;

namespace npanel {

// What is the same for all accounts; constants of the programs, but for `allow`.
struct SmtpRules {
  std::vector<uint16_t> ports = {25, 465, 587};  // at most NP_SMTP_PORTS
  std::vector<uid_t> exempt_uids = {};           // at most NP_SMTP_EXEMPT
  std::vector<np_smtp_net> allow = {};           // at most NP_SMTP_NETS
  uint16_t redirect_port = 25;                   // of the local MTA; 0: none

  bool operator==(const SmtpRules& other) const;
};

class ConnectHook {
 public:
  // Loaded with some rules. The maps are pinned by the first load, and the same for all of them.
  using Programs = std::shared_ptr<np_connect_bpf>;
  static Result<Programs> load(const Pins& pins, const SmtpRules& rules, int account_level);
  // Behind the hooks of this cgroup, the cgroup v2 root. `old_layout`: where the links are pinned that are to be kept,
  // when not among `pins`.
  static Result<ConnectHook> attach(const Pins& pins, Programs programs, int account_level, int cgroup_fd,
                                    const std::optional<std::string>& old_layout);
  ConnectHook(ConnectHook&&) noexcept;
  ConnectHook& operator=(ConnectHook&&) noexcept;
  ~ConnectHook();

  // Other rules in two steps: all that may refuse them, and then the switch, from the next connect() on. Counts,
  // buckets and limits stay. What fails changes nothing. switch_to() returns the programs that were behind the hooks:
  // with them it puts the rules before back.
  [[nodiscard]] Result<Programs> prepare(const SmtpRules& rules) const;
  Result<Programs> switch_to(Programs programs);

  // Returns how many entries were not right already.
  Result<int> set_limit(uint32_t slot, const np_smtp_limit& limit);
  [[nodiscard]] std::optional<np_smtp_limit> limit(uint32_t slot) const;
  Result<void> remove_limit(uint32_t slot);
  [[nodiscard]] np_smtp_count count(uint32_t slot) const;
  Result<void> reset_count(uint32_t slot);
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
  explicit ConnectHook(std::unique_ptr<Attached> attached);
  std::unique_ptr<Attached> attached_;
};

}  // namespace npanel
