// SPDX-License-Identifier: Apache-2.0
// service.h: what can a client of the API ask for?
#pragma once

#include <sys/types.h>

#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "model/account.h"
#include "model/audit.h"
#include "model/config_view.h"
#include "model/event.h"
#include "model/feature.h"
#include "model/job.h"
#include "model/loss.h"
#include "model/mail_status.h"
#include "model/stats.h"
#include "model/unattributed.h"
#include "model/unclear_mail.h"

namespace npanel {

struct AccountView {
  Account account;
  std::vector<std::string> degraded;         // one sentence for each limit that is not in force as asked for
  FeatureMode isolation = FeatureMode::off;  // what the features make of it now
  FeatureMode mail = FeatureMode::off;
};

// Implemented by the agent. A change is on disk, with its Caller's key, when the call returns. The code of an error
// becomes the status: with a field, EINVAL 400, EACCES 403, ESRCH and EPERM 422; ENOENT 404, EEXIST and EBUSY 409,
// anything else 503. Names are valid when they arrive here.
class Service {
 public:
  virtual ~Service() = default;

  // What a new account has unless the request says otherwise.
  [[nodiscard]] virtual Limits default_limits() const = 0;
  [[nodiscard]] virtual SmtpLimit default_smtp() const = 0;
  [[nodiscard]] virtual MailLimits default_mail() const = 0;
  // Smaller uids belong to no account.
  [[nodiscard]] virtual uid_t least_uid() const = 0;

  // By name, those behind `after`; `most` may be passed over.
  [[nodiscard]] virtual std::vector<AccountView> accounts(const std::string& after, size_t most) = 0;
  [[nodiscard]] virtual Result<AccountView> account(const std::string& name) = 0;
  // `wanted.slot` is the service's to choose. `find_uid`: take the uid of the system user of that name, if there is
  // one.
  virtual Result<AccountView> create(const Caller& caller, Account wanted, bool find_uid) = 0;
  // The account `name` gets the name, the uid, the limits, the mail limits and the contact of `wanted`; the rest of it
  // is as it was. EEXIST (field "name" or "uid"): another account has it. EBUSY: not while it is drained.
  virtual Result<AccountView> change(const Caller& caller, const std::string& name, const Account& wanted) = 0;
  virtual Result<AccountView> suspend(const Caller& caller, const std::string& name) = 0;
  virtual Result<AccountView> resume(const Caller& caller, const std::string& name) = 0;
  // nullopt when it is gone; a view in state deleting while its processes are still dying.
  virtual Result<std::optional<AccountView>> remove(const Caller& caller, const std::string& name) = 0;

  [[nodiscard]] virtual Result<std::vector<pid_t>> processes(const std::string& name) = 0;
  virtual Result<void> add_process(const Caller& caller, const std::string& name, pid_t pid) = 0;

  [[nodiscard]] virtual Result<std::vector<AccountStats>> stats() = 0;  // by name
  [[nodiscard]] virtual Result<AccountStats> stats(const std::string& name) = 0;
  // What the account has sent, what it may, and who was refused last.
  [[nodiscard]] virtual Result<MailStatus> mail(const std::string& name) = 0;
  // Those that have sent something within a day, or were deferred: the most in this hour first. Without refusals.
  [[nodiscard]] virtual std::vector<MailStatus> mail_top(size_t most) = 0;
  // Mail that no account owns: its allowance, and who sent it last.
  [[nodiscard]] virtual UnattributedMail unattributed_mail() = 0;
  // Answers of other servers that are not understood, and so count for nothing.
  [[nodiscard]] virtual UnclearMail unclear_mail() = 0;
  // The server's own troubles with its mail.
  [[nodiscard]] virtual std::vector<MailFinding> mail_findings() = 0;
  virtual Result<AccountView> raise_mail(const Caller& caller, const std::string& name, uint64_t messages_per_hour,
                                         uint64_t seconds) = 0;
  virtual Result<AccountView> end_raise(const Caller& caller, const std::string& name) = 0;
  // What was delivered badly until now is forgotten, too.
  virtual Result<AccountView> release_throttle(const Caller& caller, const std::string& name) = 0;

  [[nodiscard]] virtual AgentStatus status() = 0;
  // Empty when all is well; else one sentence each.
  [[nodiscard]] virtual std::vector<std::string> complaints() = 0;
  [[nodiscard]] virtual Result<std::string> metrics() = 0;

  // Is the feature on for the server? What a route that needs it asks.
  [[nodiscard]] virtual bool enabled(Feature feature) const = 0;
  [[nodiscard]] virtual std::vector<FeatureView> features() = 0;
  [[nodiscard]] virtual FeatureView feature(Feature feature) = 0;
  virtual Result<FeatureView> change_feature(const Caller& caller, Feature feature, const FeatureChange& change) = 0;
  // nullopt: the percentage decides again. ENOENT: there is no such account.
  virtual Result<FeatureView> override_feature(const Caller& caller, Feature feature, const std::string& account,
                                               std::optional<bool> on) = 0;

  [[nodiscard]] virtual std::vector<ConfigValue> config() = 0;
  // EINVAL: the configuration on disk is wrong; the one in force stays.
  virtual Result<ReloadReport> reload(const Caller& caller) = 0;
  [[nodiscard]] virtual Result<std::vector<ConfigVersion>> config_versions(int limit) = 0;  // newest first
  [[nodiscard]] virtual Result<ConfigVersion> config_version(int64_t id) = 0;

  // What the kernel holds of accounts that the database has lost, or never had.
  [[nodiscard]] virtual LostAccounts lost_accounts() = 0;
  // Takes it into the database. ENOENT: the kernel holds no such account; EEXIST: the database has it.
  virtual Result<AccountView> adopt(const Caller& caller, const std::string& name) = 0;
  // The accounts are as they should be: the loss is no more, and neither is what the kernel holds beside them.
  virtual Result<LostAccounts> confirm_accounts(const Caller& caller) = 0;

  // Compares every account with the kernel, now.
  virtual Result<Job> start_apply(const Caller& caller) = 0;
  // Ends every process of the account: SIGTERM, and SIGKILL after the grace. EBUSY: it is drained already.
  virtual Result<Job> start_drain(const Caller& caller, const std::string& account, uint32_t grace_seconds) = 0;
  virtual Result<Job> start_backup(const Caller& caller) = 0;
};

}  // namespace npanel
