// SPDX-License-Identifier: Apache-2.0
// mail_decisions.h: what has the agent itself decided about an account's mail?
#pragma once

#include <SQLiteCpp/Database.h>

#include <map>
#include <string>

#include "model/mail_status.h"

namespace npanel {

using StoredMailDecisions = std::map<std::string, MailDecisions, std::less<>>;  // by account

// Rows that are not ours are left out.
[[nodiscard]] StoredMailDecisions read_mail_decisions(SQLite::Database& database);
void write_mail_decisions(SQLite::Database& database, const std::string& account, const MailDecisions& decisions);
void erase_mail_decisions_of(SQLite::Database& database, const std::string& account);

}  // namespace npanel
