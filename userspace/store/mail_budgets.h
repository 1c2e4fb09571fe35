// SPDX-License-Identifier: Apache-2.0
// mail_budgets.h: how does what an account has sent outlive a reboot?
#pragma once

#include <SQLiteCpp/Database.h>

#include <string>
#include <vector>

#include "npanel/mail.h"

namespace npanel {

struct StoredBudget {
  std::string account;
  int64_t saved_ms = 0;  // Unix time
  np_mail_budget budget{};
};

// Times in a budget are of CLOCK_MONOTONIC (+ NP_MAIL_BEFORE_BOOT_NS, as `now_ns` is), which begins anew with each
// boot: what comes back is as old as it was then, and as much older as the wall clock says. A wall clock that went back
// makes nothing older. Rows that are not ours are left out.
[[nodiscard]] std::vector<StoredBudget> read_budgets(SQLite::Database& database, int64_t now_ms, uint64_t now_ns);
void write_budget(SQLite::Database& database, const StoredBudget& stored, uint64_t now_ns);
void erase_budget_of(SQLite::Database& database, const std::string& account);

}  // namespace npanel
