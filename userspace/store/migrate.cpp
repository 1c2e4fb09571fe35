// SPDX-License-Identifier: Apache-2.0
#include "store/migrate.h"

#include <SQLiteCpp/Statement.h>
#include <SQLiteCpp/Transaction.h>

#include "store/database.h"

namespace npanel {
namespace {

constexpr Migration kBuiltIn[] = {
#include "migrations.inc"
};

constexpr const char* kBookkeeping =
    "CREATE TABLE IF NOT EXISTS schema_migration (version INTEGER PRIMARY KEY, name TEXT NOT NULL, checksum TEXT NOT "
    "NULL, "
    "applied_at TEXT NOT NULL DEFAULT (strftime('%Y-%m-%dT%H:%M:%SZ', 'now'))) STRICT";

// The number of migrations that the database has seen, all of them ours.
Result<size_t> check_seen(SQLite::Database& database, std::span<const Migration> migrations) {
  SQLite::Statement rows(database, "SELECT version, name, checksum FROM schema_migration ORDER BY version");
  size_t seen = 0;
  while (rows.executeStep()) {
    const std::string name = rows.getColumn(1).getString();
    if (seen == migrations.size())
      return failure("the database is newer than this program: it has migration " + name + ", this program ends at " +
                     migrations.back().name + "; install the newer npanel-agent again");
    const Migration& ours = migrations[seen];
    if (rows.getColumn(0).getInt() != ours.version || rows.getColumn(2).getString() != ours.checksum)
      return failure("migration " + name + " in the database is not this program's " + ours.name +
                     " (checksum differs): the file is of another build");
    ++seen;
  }
  return seen;
}

void apply(SQLite::Database& database, const Migration& migration) {
  SQLite::Transaction transaction(database);
  database.exec(migration.sql);
  SQLite::Statement row(database, "INSERT INTO schema_migration (version, name, checksum) VALUES (?, ?, ?)");
  row.bind(1, migration.version);
  row.bind(2, migration.name);
  row.bind(3, migration.checksum);
  row.exec();
  transaction.commit();
}

}  // namespace

std::span<const Migration> built_in_migrations() {
  return kBuiltIn;
}

Result<void> migrate(SQLite::Database& database, std::span<const Migration> migrations) {
  const auto seen = NP_TRY(catching("migrate the database", [&] {
    database.exec(kBookkeeping);
    return check_seen(database, migrations);
  }));
  for (const Migration& migration : migrations.subspan(NP_TRY(seen)))
    NP_TRY(catching(std::string("migration ") + migration.name, [&] { apply(database, migration); }));
  return {};
}

}  // namespace npanel
