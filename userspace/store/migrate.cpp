// SPDX-License-Identifier: Apache-2.0
#include "store/migrate.h"

#include <SQLiteCpp/Statement.h>
#include <SQLiteCpp/Transaction.h>

#include <algorithm>

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

// Two checksums of different texts agree in 4 of 64 digits by chance; one with a flipped bit agrees in 63.
bool resemble(std::string_view one, std::string_view other) {
  constexpr size_t kDigits = 64;
  if (one.size() != kDigits || other.size() != kDigits) return false;
  size_t same = 0;
  for (size_t i = 0; i < kDigits; ++i) same += one[i] == other[i];
  return same > kDigits / 2;
}

// What a migration of any build looks like: "0007_word" and hexadecimal digits. A damaged page may show anything here.
bool is_record(std::string_view name, std::string_view checksum) {
  constexpr size_t kNumber = 4;
  const auto is_digit = [](char c) { return c >= '0' && c <= '9'; };
  const auto is_hex = [&](char c) { return is_digit(c) || (c >= 'a' && c <= 'f'); };
  return name.size() > kNumber && std::ranges::all_of(name.substr(0, kNumber), is_digit) && name[kNumber] == '_' &&
         !checksum.empty() && std::ranges::all_of(checksum, is_hex);
}

Result<size_t> check_rows(SQLite::Database& database, std::span<const Migration> migrations) {
  SQLite::Statement rows(database, "SELECT version, name, checksum FROM schema_migration ORDER BY version");
  size_t seen = 0;
  while (rows.executeStep()) {
    const std::string name = rows.getColumn(1).getString();
    const std::string checksum = rows.getColumn(2).getString();
    if (!is_record(name, checksum)) return failure("the database is damaged: its record of migrations", EUCLEAN);
    if (seen == migrations.size())
      return failure("the database is newer than this program: it has migration " + name + ", this program ends at " +
                     migrations.back().name + "; install the newer npanel-agent again");
    const Migration& ours = migrations[seen];
    if (rows.getColumn(0).getInt() != ours.version || checksum != ours.checksum) {
      if (resemble(checksum, ours.checksum))
        return failure("the database is damaged: migration " + name + " is recorded with wrong digits", EUCLEAN);
      return failure("migration " + name + " in the database is not this program's " + ours.name +
                     " (checksum differs): the file is of another build");
    }
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

Result<size_t> migrations_seen(SQLite::Database& database, std::span<const Migration> migrations) {
  return NP_TRY(
      catching("read the database's migrations", [&] { return check_rows(database, migrations); }, &database));
}

Result<void> migrate(SQLite::Database& database, std::span<const Migration> migrations) {
  NP_TRY(catching("migrate the database", [&] { database.exec(kBookkeeping); }, &database));
  for (const Migration& migration : migrations.subspan(NP_TRY(migrations_seen(database, migrations))))
    NP_TRY(catching(std::string("migration ") + migration.name, [&] { apply(database, migration); }, &database));
  return {};
}

}  // namespace npanel
