// SPDX-License-Identifier: Apache-2.0
// check.h: is this database whole?
#pragma once

#include <SQLiteCpp/Database.h>

#include <string>

#include "base/result.h"

namespace npanel {

// Each of these answers EUCLEAN when something is wrong, or another code when it could not look.

// The first 100 bytes, before SQLite acts on them: one flipped bit there makes it call the file read-only, or its texts
// UTF-16. An absent file passes, and so does an empty one without a -wal.
[[nodiscard]] Result<void> check_header(const std::string& path);

// quick: every page, and that the indexes say what the rows say, but for the tables of history, which may have a
// million rows. Half a second for these. full: the indexes of history too, six times as long.
enum class Look { quick, full };
[[nodiscard]] Result<void> check_pages(SQLite::Database& database, Look look);
[[nodiscard]] Result<void> check_account_table(SQLite::Database& database);

// Our tables and indexes are there, word for word. Others may be there too.
[[nodiscard]] Result<void> check_schema(SQLite::Database& database);

[[nodiscard]] Result<bool> has_tables(SQLite::Database& database);
[[nodiscard]] Result<bool> has_account_table(SQLite::Database& database);

}  // namespace npanel
