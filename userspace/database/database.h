// SPDX-License-Identifier: Apache-2.0
// database.h: what becomes of a database that is damaged, full, read-only or gone?
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "core/core.h"
#include "model/loss.h"
#include "store/backups.h"
#include "store/recovery.h"

namespace npanel {

class Database final : public Room {
 public:
  // What other rooms keep in it is read, or written back, when it was opened anew.
  struct Contents {
    std::function<Result<void>()> load;
    std::function<void()> write_back;
  };
  explicit Database(Core& core) : core_(core), backups_(core.config.database) {}
  void keep_with(Contents others) { others_ = std::move(others); }

  // Takes note of how the database was opened.
  void report(const Opened& opened);
  // After the accounts were loaded. `began_empty`: the database is new.
  void recall_loss(bool began_empty);

  Result<Job> start_backup(const Caller& caller);
  // What the kernel holds of accounts that the database has lost, or never had.
  [[nodiscard]] LostAccounts lost_accounts();
  // Takes it into the database. ENOENT: the kernel holds no such account; EEXIST: the database has it.
  Result<AccountView> adopt(const Caller& caller, const std::string& name);
  // The accounts are as they should be: the loss is no more, and neither is what the kernel holds beside them.
  Result<LostAccounts> confirm_accounts(const Caller& caller);

  [[nodiscard]] std::vector<Route> routes() override;
  void smtp_came() override;
  void every_second() override;
  void add_problems(std::vector<std::string>& problems) override;

 private:
  // keeper.cpp
  void reopen();
  // What was said since the backup was made that came back. False when the store refuses some of it.
  bool write_back_accounts();
  bool back_up_further(int64_t id);
  // From the watchdog's files.
  void import_failures();

  // loss.cpp
  void keep_loss();
  Result<void> end_loss();
  [[nodiscard]] std::string loss_in_words() const;
  void note_doubt() { core_.may_lack_accounts = accounts_lost_ || loss_; }
  void take_over_held();
  // What was done, a sentence; empty: nothing.
  Result<std::string> keep_stricter(AccountEntry& entry, const HeldAccount& held);
  Result<std::string> adopt(const Caller& caller, const HeldAccount& held);
  Result<void> make_way_for(const HeldAccount& held);

  Core& core_;
  Contents others_;
  Backups backups_;
  bool backup_job_ = false;          // a job is making one
  bool accounts_lost_ = false;       // the kernel may hold accounts that the store has not
  std::optional<AccountLoss> loss_;  // that nobody has confirmed yet
  uint64_t seconds_ = 0;
};

}  // namespace npanel
