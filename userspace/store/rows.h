// SPDX-License-Identifier: Apache-2.0
// rows.h: how does an account stand in a row?
#pragma once

#include <SQLiteCpp/Database.h>
#include <SQLiteCpp/Statement.h>

#include <string>
#include <vector>

#include "base/result.h"
#include "model/account.h"

namespace npanel {

// name, slot, uid, state, kLimitFields…, smtp_per_minute, smtp_burst, smtp_mode, mail_ and kMailFields…, raise,
// contact, uid_of_user, cgroup_directory
[[nodiscard]] std::string account_columns();
[[nodiscard]] std::string account_placeholders();
void bind_account(SQLite::Statement& row, const Account& account);

struct AccountRows {
  struct Refused {
    std::string name;
    Error why;
  };
  std::vector<Account> valid;    // by name
  std::vector<Refused> refused;  // damaged, or edited by hand beyond the rules of the API
};
// These two throw what SQLiteCpp throws.
[[nodiscard]] AccountRows read_accounts(SQLite::Database& database);
// What other tables say of the account follows it; what they still say of a namesake that is gone goes.
void rename_rows(SQLite::Database& database, const std::string& from, const std::string& to);

}  // namespace npanel
