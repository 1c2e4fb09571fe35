// SPDX-License-Identifier: Apache-2.0
// enforcer.h: who brings the kernel to what holds for every account, and how well has it gone?
#pragma once

#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "base/back_off.h"
#include "core/accounts.h"
#include "core/subuids.h"
#include "daemon/new_process.h"
#include "model/effective.h"
#include "model/job.h"
#include "model/stats.h"

namespace npanel {

struct Core;

// The one writer of limits to the kernel. Whatever the kernel refuses is tried again with the rolling pass.
class Enforcer {
 public:
  explicit Enforcer(Core& core) : core_(core) {}

  // What is applied to the account at this moment: what was said, as the rooms adjust it.
  [[nodiscard]] EffectiveLimits effective(const Account& account) const;
  // Each difference between the two, and what else keeps a limit from being enforced: a sentence each.
  [[nodiscard]] std::vector<std::string> reasons(const Account& account) const;
  // Once, when the accounts are loaded.
  void begin();
  void apply(AccountEntry& entry);
  // Also finds cgroups of nobody, and forgets what the kernel holds of accounts that are no more.
  void apply_all();
  // By the job that runs; a change during it begins it anew, so that it ends only when everything holds.
  int64_t apply_in_background(const std::string& why);
  // The next few, and what else a second brings: devices, subordinate uids, parts of the kernel that are missing.
  void every_second();
  // The account's cgroup, if it has been renamed and nothing is in its former one: true when it is where the name says.
  bool leave_directory(AccountEntry& entry);
  void uids_changed() { subuids_.look_again(); }

  // One sentence for each limit that does not hold as it should.
  [[nodiscard]] std::vector<std::string> degraded(const AccountEntry& entry) const;
  [[nodiscard]] const ReconcileFigures& figures() const { return figures_; }
  // Cgroups that belong to no account of the database, by directory.
  [[nodiscard]] std::vector<std::string>& orphans() { return orphans_; }
  void add_problems(std::vector<std::string>& problems);

  // The kernel has not the rules of direct SMTP that are configured: they are tried until it has.
  void retry_rules() { rules_due_ = true; }
  void rules_are_set() { rules_due_ = false; }
  void tell_of_missing();
  // The programs are others now: their cost is the features'.
  void watch_overhead();
  // A new process can load the BPF programs that this one cannot: libbpf has kept a failed probe of the kernel.
  [[nodiscard]] bool is_stuck() const { return stuck_; }

 private:
  // The one pass over all accounts.
  struct Applying {
    int64_t job;
    std::string after = {};  // it goes on behind this name
    size_t done = 0;
    size_t failed = 0;
  };
  bool apply_next();
  void apply_some();
  void report_new_problems(const AccountEntry& entry, const std::vector<std::string>& before);
  void refresh_devices();
  void refresh_subuids();
  void recount_open();
  void finish_renames();
  void set_rules();
  void tell_of_gap();
  void retry_missing();
  void open_missing();
  void ask_a_new_process();

  Core& core_;
  std::string applied_to_;  // the rolling pass goes on behind this name
  std::optional<Applying> applying_;
  std::vector<std::string> orphans_;
  ReconcileFigures figures_;
  Subuids subuids_;
  std::map<std::string, std::string> missing_;
  BackOff missing_again_;
  std::optional<NewProcess> new_process_;
  bool stuck_ = false;
  bool gap_told_ = false;
  bool rules_due_ = false;
  BackOff rules_again_;
};

}  // namespace npanel
