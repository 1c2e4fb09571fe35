// SPDX-License-Identifier: Apache-2.0
// migrate.h: how does a database file come to have today's tables?
#pragma once

#include <SQLiteCpp/Database.h>

#include <span>
#include <string>

#include "base/result.h"

namespace npanel {

struct Migration {
  int version;           // 1, 2, 3 … without a gap
  const char* name;      // "0001_accounts"
  const char* checksum;  // SHA-256 of the file
  const char* sql;
};

// Those of migrations/*.sql.
[[nodiscard]] std::span<const Migration> built_in_migrations();

// How many of ours the database has seen; writes nothing. Refuses when the database is newer than this program or was
// migrated by other text (code 0: nobody's damage); EUCLEAN when the record itself is damaged.
[[nodiscard]] Result<size_t> migrations_seen(SQLite::Database& database, std::span<const Migration> migrations);

// Runs what the database has not seen, each in a transaction of its own with its row in schema_migration. Refuses, and
// changes nothing, when the database is newer than this program or was migrated by other text.
[[nodiscard]] Result<void> migrate(SQLite::Database& database, std::span<const Migration> migrations);

}  // namespace npanel
