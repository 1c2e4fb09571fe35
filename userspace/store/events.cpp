// SPDX-License-Identifier: Apache-2.0
#include "store/events.h"

#include <SQLiteCpp/Statement.h>

#include <limits>
#include <sstream>

namespace npanel {
namespace {

constexpr int kKept = 100'000;         // of refusals, and of all else
constexpr int kRefusalsOfAKind = 250;  // of one account
constexpr int kOthersOfAKind = 1000;
constexpr int kFailuresKept = 1000;

// One comes, so one goes.
void keep_quota(SQLite::Database& database, const Event& event) {
  SQLite::Statement oldest(database,
                           "DELETE FROM event WHERE id = (SELECT id FROM event WHERE account IS ?1 AND kind = ?2 "
                           "ORDER BY id DESC LIMIT 1 OFFSET iif((SELECT is_refusal FROM event WHERE id = "
                           "last_insert_rowid()), ?3, ?4))");
  if (event.account)
    oldest.bind(1, *event.account);
  else
    oldest.bind(1);
  oldest.bind(2, event.kind);
  oldest.bind(3, kRefusalsOfAKind);
  oldest.bind(4, kOthersOfAKind);
  oldest.exec();
}

}  // namespace

void write_events(SQLite::Database& database, std::span<const Event> events) {
  SQLite::Statement row(database, "INSERT INTO event (at_ms, account, kind, detail) VALUES (?, ?, ?, ?)");
  for (const Event& event : events) {
    row.reset();
    row.bind(1, event.at_ms);
    if (event.account)
      row.bind(2, *event.account);
    else
      row.bind(2);
    row.bind(3, event.kind);
    row.bind(4, event.detail);
    row.exec();
    keep_quota(database, event);
  }
}

void trim_events(SQLite::Database& database) {
  for (const int refusal : {0, 1}) {
    SQLite::Statement trim(database,
                           "DELETE FROM event WHERE is_refusal = ?1 AND id <= "
                           "(SELECT id FROM event WHERE is_refusal = ?1 ORDER BY id DESC LIMIT 1 OFFSET ?2)");
    trim.bind(1, refusal);
    trim.bind(2, kKept);
    trim.exec();
  }
}

std::vector<Event> read_events(SQLite::Database& database, const std::optional<std::string>& account, int limit,
                               std::optional<int64_t> below_id) {
  SQLite::Statement rows(database, std::string("SELECT id, at_ms, account, kind, detail FROM event ") +
                                       "WHERE id < ?2 " + (account ? "AND account = ?3 " : "") +
                                       "ORDER BY id DESC LIMIT ?1");
  rows.bind(1, limit);
  rows.bind(2, below_id.value_or(std::numeric_limits<int64_t>::max()));
  if (account) rows.bind(3, *account);
  std::vector<Event> found;
  while (rows.executeStep()) {
    const SQLite::Column whose = rows.getColumn(2);
    found.push_back({.id = rows.getColumn(0).getInt64(),
                     .at_ms = rows.getColumn(1).getInt64(),
                     .account = whose.isNull() ? std::nullopt : std::optional(whose.getString()),
                     .kind = rows.getColumn(3).getString(),
                     .detail = rows.getColumn(4).getString()});
  }
  return found;
}

void write_failure(SQLite::Database& database, const Failure& failure) {
  SQLite::Statement row(database,
                        "INSERT OR REPLACE INTO failure (at_ms, reason, recovered_by, recovery_seconds, log) "
                        "VALUES (?, ?, ?, ?, ?)");
  row.bind(1, failure.at_ms);
  row.bind(2, failure.reason);
  if (failure.recovered_by) row.bind(3, *failure.recovered_by);
  if (failure.recovery_seconds) row.bind(4, *failure.recovery_seconds);
  std::string log;
  for (const std::string& line : failure.log) log += line + '\n';
  row.bind(5, log);
  row.exec();
  SQLite::Statement trim(database,
                         "DELETE FROM failure WHERE at_ms < (SELECT at_ms FROM failure ORDER BY at_ms DESC LIMIT 1 "
                         "OFFSET ?)");
  trim.bind(1, kFailuresKept - 1);
  trim.exec();
}

std::vector<Failure> read_failures(SQLite::Database& database, int limit) {
  SQLite::Statement rows(database,
                         "SELECT at_ms, reason, recovered_by, recovery_seconds, log FROM failure ORDER BY at_ms DESC "
                         "LIMIT ?");
  rows.bind(1, limit);
  std::vector<Failure> found;
  while (rows.executeStep()) {
    Failure& failure = found.emplace_back();
    failure.at_ms = rows.getColumn(0).getInt64();
    failure.reason = rows.getColumn(1).getString();
    failure.closed = true;
    if (!rows.getColumn(2).isNull()) failure.recovered_by = rows.getColumn(2).getString();
    if (!rows.getColumn(3).isNull()) failure.recovery_seconds = rows.getColumn(3).getDouble();
    std::istringstream lines(rows.getColumn(4).getString());
    for (std::string line; std::getline(lines, line);) failure.log.push_back(line);
  }
  return found;
}

}  // namespace npanel
