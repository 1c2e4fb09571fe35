// SPDX-License-Identifier: Apache-2.0
// reconciler.h: how does the kernel come to hold what the administrator said about one account?
#pragma once

#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "base/local_names.h"
#include "core/lowering.h"
#include "daemon/config.h"
#include "kernel/account_tree.h"
#include "kernel/connection_opener.h"
#include "kernel/pins.h"
#include "kernel/smtp_programs.h"
#include "kernel/usage_walk.h"
#include "model/feature.h"
#include "model/loss.h"
#include "model/settings.h"

namespace npanel {

// What the kernel holds of one account.
struct Applied {
  std::optional<uint64_t> cgroup_id = {};
  int writes = 0;                          // what was not right already
  std::vector<std::string> problems = {};  // what could not be made right, one sentence each
  std::vector<std::string> pending = {};   // what is being made right
};

// Reads first, writes only what differs. Every part of the kernel that is missing is a reason, not an end: the rest
// works on.
class Reconciler {
 public:
  // Opens every part of the kernel that is to be had; see open_missing().
  Reconciler(const Config& config, const std::set<uid_t>& exempt, const std::optional<FeatureTable>& features,
             Lowering& lowering);

  // Opens what is missing; true when something of it, or a controller, has come. Without features, those that the
  // kernel holds stay. `exempt`: the uids of smtp.exempt_users, as far as they are known.
  bool open_missing(const Config& config, const std::set<uid_t>& exempt, const std::optional<FeatureTable>& features);
  // Why, by part: "cgroups", "usage", "smtp", "openers".
  [[nodiscard]] std::map<std::string, std::string> missing() const;
  // What is missing now may be there another time.
  [[nodiscard]] bool may_get_more() const;

  // `before`: what was there last time, so that a cgroup that somebody made anew is noticed.
  // `mail`: the account's mail limits as they are at the moment.
  [[nodiscard]] Applied apply(const Account& account, const MailLimits& mail, const Features& features,
                              const Applied& before);
  // Obeyed by the very next connect(); what cgroups hold follows with apply().
  Result<int> set_features(const FeatureTable& features);
  // The rules of direct SMTP, all of them or none; put_back() brings those before back. Without SMTP nothing is done.
  Result<ConnectHook::Programs> set_rules(const Config& config, const std::set<uid_t>& exempt);
  Result<void> put_back(ConnectHook::Programs former);
  // Whatever else a reload may change: what of it cannot be had is missing from then on.
  void follow(const Config& config);
  // An account that is new: full bucket, counts of zero.
  Result<void> start_fresh(const Account& account);
  // True when nothing of it is left in the kernel; false while its processes are still dying.
  [[nodiscard]] Result<bool> remove(const Account& account, const Applied& before, int wait_ms);
  // Of the cgroup that is there now, whoever made it; by cgroup_directory().
  [[nodiscard]] std::optional<uint64_t> cgroup_id(const std::string& directory) const;
  // Of an account that was renamed: true when nothing is in the cgroup of its former name any more, which is gone then.
  [[nodiscard]] Result<bool> leave_directory(const std::string& directory) const;
  // Before the account gets another uid, or none.
  Result<void> forget_uid(const Account& account);
  // What the kernel holds, whatever the database says, by directory.
  [[nodiscard]] std::vector<HeldAccount> held() const;
  // Remembered among the pins, as long as they are there.
  // CLOCK_BOOTTIME, in ms, when the hooks of direct SMTP came into this boot; nullopt: they have not, or nobody noted
  // it.
  [[nodiscard]] std::optional<int64_t> attached_ms() const { return number_marked(pin_dir_, kAttachedMark); }
  // It was this object that attached them.
  [[nodiscard]] bool attached_first() const { return attached_first_; }
  // Or would, if it could be read.
  [[nodiscard]] bool may_hold_accounts() const { return smtp_ || Pins::any(pin_dir_); }
  [[nodiscard]] bool remembers_loss() const { return has_mark(pin_dir_, kLossMark); }
  Result<void> remember_loss() const { return set_mark(pin_dir_, kLossMark); }
  Result<void> forget_loss() const { return remove_mark(pin_dir_, kLossMark); }
  // Drops what the kernel holds of accounts that are not among these.
  [[nodiscard]] Result<int> forget_all_but(std::span<const Identity::Owner> known);
  // Cgroups that belong to no account, by directory. Empty ones are removed first, unless `keep_empty`.
  [[nodiscard]] std::vector<std::string> orphans(const std::set<std::string>& known, bool keep_empty);

  [[nodiscard]] Result<std::vector<pid_t>> processes(const Account& account) const;
  // `by_root`: whoever asks is root on this host, and no token or group (kernel/movable.h).
  Result<void> add_process(const Account& account, const Features& features, pid_t pid, bool by_root) const;
  // SIGTERM to the account's processes that are not in `asked` yet; returns how many there are. SIGKILL to all.
  Result<size_t> ask_to_end(const Account& account, std::set<pid_t>& asked) const;
  Result<void> kill_all(const Account& account) const;
  [[nodiscard]] Result<bool> populated(const Account& account) const;
  // Who is in it all the same, and why: a sentence.
  [[nodiscard]] Result<std::string> still_there(const Account& account) const;

  // Block devices and file systems come and go. Each call is a second; true: accounts are to be limited at others now.
  [[nodiscard]] bool look_for_devices();
  // Devices of io.devices that are not there, or are no devices, one sentence each.
  [[nodiscard]] const std::vector<std::string>& device_complaints() const { return device_complaints_; }
  [[nodiscard]] const HostAbilities& host() const { return host_; }
  [[nodiscard]] std::vector<std::string> degraded(const Account& account, const Features& features,
                                                  const Applied& applied) const;

  // nullptr when missing; the reason says why.
  [[nodiscard]] SmtpPrograms* smtp() { return smtp_ ? &*smtp_ : nullptr; }
  // Only beside smtp().
  [[nodiscard]] const ConnectionOpeners* openers() const { return openers_ ? &*openers_ : nullptr; }
  [[nodiscard]] UsageWalk* usage() { return usage_ ? &*usage_ : nullptr; }
  [[nodiscard]] const std::optional<std::string>& smtp_reason() const { return smtp_reason_; }
  [[nodiscard]] const std::optional<std::string>& usage_reason() const { return usage_reason_; }
  [[nodiscard]] const std::optional<std::string>& openers_reason() const { return openers_reason_; }

 private:
  bool open_tree(const Config& config);
  void watch_connections(const Config& config);
  bool find_devices();
  [[nodiscard]] std::optional<std::vector<DeviceNumber>> configured_devices();
  void apply_rlimit_fallback_to_all(const Cgroup& cgroup, const Account& account, const Account& now,
                                    Applied& applied) const;

  static constexpr const char* kLossMark = "accounts-lost";
  static constexpr const char* kAttachedMark = "attached-at-";  // and the time
  bool attached_first_ = false;
  std::string pin_dir_;
  std::vector<std::string> io_devices_;
  std::vector<std::string> io_paths_;
  std::vector<std::string> device_complaints_;
  LocalHomes homes_;
  unsigned since_look_ = 0;
  Lowering& lowering_;
  HostAbilities host_;
  bool in_container_ = false;  // for good
  std::optional<AccountTree> tree_;
  std::optional<SmtpPrograms> smtp_;
  std::optional<ConnectionOpeners> openers_;
  std::optional<UsageWalk> usage_;
  std::optional<std::string> tree_reason_;
  std::optional<std::string> smtp_reason_;
  std::optional<std::string> openers_reason_;
  std::optional<std::string> usage_reason_;
};

}  // namespace npanel
