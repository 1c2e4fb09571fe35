// SPDX-License-Identifier: Apache-2.0
#include "store/lived_time.h"

#include <SQLiteCpp/Statement.h>

namespace npanel {

std::optional<LivedMark> read_lived_mark(SQLite::Database& database) {
  SQLite::Statement row(database, "SELECT boot_id, boot_ms, wall_ms, lived_ms FROM lived_time");
  if (!row.executeStep()) return std::nullopt;
  return LivedMark{.clocks = {.boot_id = row.getColumn(0).getString(),
                              .boot_ms = row.getColumn(1).getInt64(),
                              .wall_ms = row.getColumn(2).getInt64()},
                   .lived_ms = row.getColumn(3).getInt64()};
}

void write_lived_mark(SQLite::Database& database, const LivedMark& mark) {
  SQLite::Statement row(database,
                        "INSERT OR REPLACE INTO lived_time (only_one, boot_id, boot_ms, wall_ms, lived_ms) "
                        "VALUES (1, ?, ?, ?, ?)");
  row.bind(1, mark.clocks.boot_id);
  row.bind(2, mark.clocks.boot_ms);
  row.bind(3, mark.clocks.wall_ms);
  row.bind(4, mark.lived_ms);
  row.exec();
}

}  // namespace npanel
