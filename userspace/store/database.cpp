// SPDX-License-Identifier: Apache-2.0
#include "store/database.h"

namespace npanel {

Result<std::unique_ptr<SQLite::Database>> open_database(const std::string& path) {
  return catching("open database " + path, [&] {
    constexpr int kBusyMs = 1000;  // an administrator's sqlite3 may hold the lock for a moment
    auto database = std::make_unique<SQLite::Database>(path, SQLite::OPEN_READWRITE | SQLite::OPEN_CREATE, kBusyMs);
    database->exec("PRAGMA journal_mode = WAL");
    database->exec("PRAGMA synchronous = FULL");
    database->exec("PRAGMA foreign_keys = ON");
    return database;
  });
}

}  // namespace npanel
