// SPDX-License-Identifier: Apache-2.0
// smtp_programs.h: how are an account's limits on direct SMTP and on mail given to the kernel, which holds them?
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "kernel/connect_hook.h"
#include "kernel/connection_recount.h"
#include "kernel/feature_map.h"
#include "kernel/identity.h"
#include "kernel/mail_budget.h"
#include "model/account.h"

namespace npanel {

// The programs, maps and links are pinned, so limits and counting go on while no agent runs; the next agent adopts
// them. Here is their order, and what concerns several of them.
struct SmtpPrograms {
  struct Options {
    int cgroup_fd;        // where the hooks attach: the cgroup v2 root
    int account_level;    // depth of an account's cgroup below the cgroup v2 root
    std::string pin_dir;  // below a bpffs
    SmtpRules rules = {};
    std::optional<FeatureTable> features;  // in force before the first connect() is seen; nullopt: as they are pinned
  };
  static Result<SmtpPrograms> attach(const Options& options);

  // Makes the kernel say what the account says; returns how many map entries were not right already.
  // `limits`: the account's mail limits as they are at the moment (model/mail). `parent`: see MailBudget::set_limit().
  Result<int> set(const Account& account, const MailLimits& limits, std::optional<uint64_t> cgroup_id,
                  np_override override, std::optional<uint32_t> parent = {});
  // The limits of all mail that no account owns (NP_SLOT_NOBODY), in force where the rollout has reached `bucket`.
  Result<int> set_unattributed(const MailLimits& limits, uint32_t bucket);
  // An account that is new in this slot starts with a full bucket and counts of zero.
  Result<void> reset(uint32_t slot);
  // Forgets the account; its slot may be used again. Its subordinate uids go with the next Identity::set_subuids().
  Result<void> remove(const Account& account, std::optional<uint64_t> cgroup_id);

  // What the maps say of one account, whatever anybody else does.
  struct Held {
    uint32_t slot;
    std::optional<uid_t> uid;
    SmtpLimit smtp;
    MailLimits mail;  // under a raise or a throttle, if there is one
  };
  // By cgroup id.
  [[nodiscard]] std::map<uint64_t, Held> held() const;

  // What their cost is measured by (kernel/cost.h); open as long as this object lives.
  [[nodiscard]] std::vector<int> program_fds() const;
  [[nodiscard]] std::vector<int> map_fds() const;

  Identity identity;
  FeatureMap features;
  ConnectHook connect;
  MailBudget mail;
  ConnectionRecount recount;
};

}  // namespace npanel
