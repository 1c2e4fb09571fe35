// SPDX-License-Identifier: Apache-2.0
#include "store/check.h"

#include <SQLiteCpp/Statement.h>
#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <memory>
#include <set>
#include <string_view>
#include <vector>

#include "base/file.h"
#include "store/database.h"
#include "store/files.h"
#include "store/migrate.h"

namespace npanel {
namespace {

// "*** in database main ***\nPage 12: ..." in one line.
std::string one_line(std::string text) {
  constexpr std::string_view kTitle = "*** in database main ***\n";
  if (text.starts_with(kTitle)) text.erase(0, kTitle.size());
  std::ranges::replace(text, '\n', ' ');
  return text;
}

Result<void> pragma_says_ok(SQLite::Database& database, const std::string& pragma) {
  return NP_TRY(catching(
      "check the database",
      [&]() -> Result<void> {
        const std::string answer = database.execAndGet("PRAGMA " + pragma).getString();
        if (answer == "ok") return {};
        return failure("the database is damaged: " + one_line(answer), EUCLEAN);
      },
      &database));
}

std::set<std::string> schema_of(SQLite::Database& database) {
  std::set<std::string> schema;
  SQLite::Statement row(database, "SELECT type, name, tbl_name, ifnull(sql, '') FROM sqlite_schema");
  while (row.executeStep())
    schema.insert(row.getColumn(0).getString() + " " + row.getColumn(1).getString() + " on " +
                  row.getColumn(2).getString() + ": " + row.getColumn(3).getString());
  return schema;
}

Result<std::unique_ptr<SQLite::Database>> todays_tables() {
  auto fresh = std::make_unique<SQLite::Database>(":memory:", SQLite::OPEN_READWRITE | SQLite::OPEN_CREATE);
  NP_TRY(migrate(*fresh, built_in_migrations()));
  return fresh;
}

// What grows with time.
constexpr std::string_view kHistory[] = {"event", "audit", "idempotent_reply"};

// Ours, as far as the database has them yet.
std::vector<std::string> small_tables_of(SQLite::Database& database, SQLite::Database& today) {
  std::vector<std::string> tables;
  SQLite::Statement row(today, "SELECT name FROM sqlite_schema WHERE type = 'table'");
  while (row.executeStep()) {
    std::string name = row.getColumn(0).getString();
    if (std::ranges::find(kHistory, name) == std::end(kHistory) && database.tableExists(name))
      tables.push_back(std::move(name));
  }
  return tables;
}

// https://sqlite.org/fileformat2.html, "The Database Header".
bool is_our_header(std::string_view header) {
  using namespace std::string_view_literals;
  constexpr size_t kWriteVersion = 18;
  constexpr size_t kReadVersion = 19;
  constexpr size_t kSchemaFormat = 44;
  constexpr size_t kEncoding = 56;
  const auto version_known = [&](size_t at) { return header[at] == 1 || header[at] == 2; };  // 2: WAL
  const auto at_most = [&](size_t at, char most) {
    return header.substr(at, 3) == "\0\0\0"sv && header[at + 3] >= 0 && header[at + 3] <= most;
  };
  return header.starts_with("SQLite format 3\0"sv) && version_known(kWriteVersion) && version_known(kReadVersion) &&
         at_most(kSchemaFormat, 4) && at_most(kEncoding, 1);  // 0 in a file without tables; 1 is UTF-8
}

}  // namespace

Result<void> check_header(const std::string& path) {
  if (!exists(path)) return {};
  const UniqueFd file = NP_TRY(open_at(AT_FDCWD, path, O_RDONLY));
  char bytes[100];
  const ssize_t size = ::read(file.get(), bytes, sizeof(bytes));
  if (size < 0) return errno_failure("read " + path, errno);
  const std::string_view header(bytes, static_cast<size_t>(size));
  if (header.empty() && !exists(path + "-wal")) return {};
  if (header.empty()) return failure(path + " is empty, but there are changes in its -wal", EUCLEAN);
  if (header.size() == sizeof(bytes) && is_our_header(header)) return {};
  return failure(path + " is damaged: its header is not a database's (file is not a database)", EUCLEAN);
}

Result<void> check_account_table(SQLite::Database& database) {
  return pragma_says_ok(database, "integrity_check(account)");
}

Result<void> check_pages(SQLite::Database& database, Look look) {
  if (look == Look::full) return pragma_says_ok(database, "integrity_check");
  NP_TRY(pragma_says_ok(database, "quick_check"));
  const auto today = NP_TRY(todays_tables());
  const auto tables =
      NP_TRY(catching("read the database's tables", [&] { return small_tables_of(database, *today); }, &database));
  for (const std::string& table : tables) NP_TRY(pragma_says_ok(database, "integrity_check(" + table + ")"));
  return {};
}

Result<void> check_schema(SQLite::Database& database) {
  const auto today = NP_TRY(todays_tables());
  const std::set<std::string> wanted = schema_of(*today);
  const std::set<std::string> found =
      NP_TRY(catching("check the database's tables", [&] { return schema_of(database); }, &database));
  for (const std::string& entry : wanted)
    if (!found.contains(entry))
      return failure("the database is damaged: it lacks the " + entry.substr(0, entry.find(':')), EUCLEAN);
  return {};
}

Result<bool> has_tables(SQLite::Database& database) {
  return catching(
      "read the database", [&] { return database.execAndGet("SELECT count(*) FROM sqlite_schema").getInt() > 0; },
      &database);
}

Result<bool> has_account_table(SQLite::Database& database) {
  return catching("read the database", [&] { return database.tableExists("account"); }, &database);
}

}  // namespace npanel
