// SPDX-License-Identifier: Apache-2.0
// mail_care.h: what has the agent itself decided about an account's mail?
#pragma once

#include <SQLiteCpp/Database.h>

#include <map>
#include <string>

#include "model/mail_status.h"

namespace npanel {

using StoredCare = std::map<std::string, MailCare, std::less<>>;  // by account

// Rows that are not ours are left out.
[[nodiscard]] StoredCare read_care(SQLite::Database& database);
void write_care(SQLite::Database& database, const std::string& account, const MailCare& care);
void erase_care_of(SQLite::Database& database, const std::string& account);

}  // namespace npanel
