// SPDX-License-Identifier: Apache-2.0
// account_editor.h: how does an account come, change and go?
#pragma once

#include <sys/types.h>

#include <deque>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "api/route.h"
#include "core/accounts.h"
#include "core/audit_entry.h"
#include "model/account_view.h"
#include "store/store.h"

namespace npanel {

struct Core;

// Each change: the store, memory, the kernel, in this order, so that a refusal of the store changes nothing.
class AccountEditor {
 public:
  explicit AccountEditor(Core& core);

  [[nodiscard]] AccountView view(const AccountEntry& entry) const;
  [[nodiscard]] std::vector<std::string> degraded(const AccountEntry& entry) const;

  // The slot is chosen here. `find_uid`: take the uid of the system user of that name, if there is one.
  Result<AccountView> create(const Caller& caller, Account wanted, bool find_uid);
  // The account `former` gets the name, the uid, the limits, the mail limits and the contact of `wanted`; the rest of
  // it is as it was. EEXIST (field "name" or "uid"): another account has it. EBUSY: not while it is drained.
  Result<AccountView> change(const Caller& caller, const std::string& former, const Account& wanted);
  Result<AccountView> set_state(const Caller& caller, const std::string& name, AccountState state);
  // nullopt when it is gone; a view in state deleting while its processes are still dying.
  Result<std::optional<AccountView>> remove(const Caller& caller, const std::string& name);
  Result<AccountView> save(const Caller& caller, AccountEntry& entry, Account changed, const Notes& notes);
  Result<void> add_process(const Caller& caller, const std::string& name, pid_t pid);
  // Ends every process of the account: SIGTERM, and SIGKILL after the grace. EBUSY: it is drained already.
  Result<Job> start_drain(const Caller& caller, const std::string& account, uint32_t grace_seconds);

  // From the store, whatever was known before.
  Result<void> load();
  // EEXIST or EBUSY; the error's field is "name".
  [[nodiscard]] Result<void> check_name_is_free(const std::string& name) const;
  // A uid that an earlier version took, or another accounts.least_uid: nobody's processes are no account's.
  void drop_refused_uid(Account& account) const;
  // An account that has none of its own user's is looked after until that user is there.
  void seek_uid(const Account& account);
  // Finishes deletions, looks for users that have come.
  void every_second();

 private:
  struct Draining {
    int64_t job;
    std::string account;
    int64_t kill_at_ms;  // CLOCK_MONOTONIC
    std::set<pid_t> asked = {};
  };
  [[nodiscard]] Result<void> refuse_while_drained(const std::string& account) const;
  bool drain_further(Draining& draining);
  Result<AccountView> rename(const Caller& caller, AccountEntry& entry, Account changed, const Notes& notes);
  // True when the account is gone from kernel and store.
  Result<bool> finish_removal(AccountEntry& entry, int wait_ms);

  void find_users();
  [[nodiscard]] std::optional<std::string> why_no_uid(const std::string& account) const;
  void hear_of_user(const Account& account, uid_t uid);
  void take_user(const std::string& user);
  bool take_next_uid();
  void take_uid(AccountEntry& entry, uid_t uid);
  void leave_uid(const Account& before, const Account& after);

  Core& core_;
  std::map<std::string, std::string>
      seeking_;  // accounts without their user's uid, and why when it is not that the user is not there
  std::deque<std::string> newest_seeking_;  // of these the newest, if some of them are there no more
  std::string sought_to_;                   // the round goes on behind this name
  std::map<std::string, uid_t> heard_of_;   // uids that are to be taken
};

// Accounts, their processes, and comparing all of them with the kernel.
[[nodiscard]] std::vector<Route> account_routes(Core& core);
// For other rooms' routes about an account: it, and what an If-Match of it is about.
[[nodiscard]] Result<Response> show_account(Core& core, const Call& call);
[[nodiscard]] Result<Json> account_version(Core& core, const Call& call);

}  // namespace npanel
