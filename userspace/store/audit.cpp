// SPDX-License-Identifier: Apache-2.0
#include "store/audit.h"

#include <optional>

#include "store/audit_chain.h"

namespace npanel {
namespace {

constexpr int64_t kDayMs = 24LL * 3600 * 1000;
constexpr int64_t kKeptDays = 730;
constexpr int64_t kNewestKept = 10'000;  // whatever their age
constexpr int kTrimmedAtOnce = 10'000;
constexpr int kFew = 20'000;

void bind_entry(SQLite::Statement& row, const AuditEntry& entry, const std::string& hash) {
  int at = 1;
  row.bind(at++, entry.id);
  row.bind(at++, entry.at_ms);
  row.bind(at++, entry.actor);
  row.bind(at++, entry.source);
  row.bind(at++, entry.action);
  if (entry.account)
    row.bind(at++, *entry.account);
  else
    row.bind(at++);
  for (const std::string* text : {&entry.target, &entry.before, &entry.after, &entry.result}) row.bind(at++, *text);
  row.bind(at++, entry.duration_us);
  row.bind(at++, entry.request_id);
  row.bind(at++, hash);
}

// After rows that somebody else put behind the head, the next one still follows from the head: the chain is broken
// there, and the check says so. When the head is gone, how many rows went with it cannot be told: a gap stands for
// them.
ChainLink read_head(SQLite::Database& database) {
  SQLite::Statement head(database, "SELECT max(id, (SELECT ifnull(max(id), 0) FROM audit)), hash FROM audit_head");
  if (head.executeStep()) return {.id = head.getColumn(0).getInt64(), .hash = head.getColumn(1).getString()};
  return {.id = 1 + database.execAndGet("SELECT ifnull(max(id), 0) FROM audit").getInt64(), .hash = kNoHash};
}

void write_head(SQLite::Database& database, const ChainLink& head) {
  SQLite::Statement row(database, "INSERT OR REPLACE INTO audit_head (only_one, id, hash) VALUES (1, ?, ?)");
  row.bind(1, head.id);
  row.bind(2, head.hash);
  row.exec();
}

// One condition that has an index of its own.
struct Condition {
  const char* index;
  const char* sql;
  bool sorted;       // its index holds what it finds in the order of time
  AuditQuery alone;  // the query that asks for nothing else
};

bool is_prefix(const std::string& action) {
  return action.ends_with('.');
}

std::vector<Condition> indexed_conditions(const AuditQuery& query) {
  std::vector<Condition> conditions;
  if (query.account) conditions.push_back({"audit_account", "account = :account", true, {.account = query.account}});
  if (query.actor) conditions.push_back({"audit_actor", "actor = :actor", true, {.actor = query.actor}});
  if (query.action && is_prefix(*query.action))
    conditions.push_back(
        {"audit_action", "action >= :action AND action < :action_end", false, {.action = query.action}});
  else if (query.action)
    conditions.push_back({"audit_action", "action = :action", true, {.action = query.action}});
  return conditions;
}

std::string other_conditions(const AuditQuery& query) {
  std::string sql;
  if (query.from_ms) sql += " AND at_ms >= :from";
  if (query.until_ms) sql += " AND at_ms < :until";
  if (query.below_id) sql += " AND (at_ms, id) < (SELECT at_ms, id FROM audit WHERE id = :below)";
  if (query.text) {
    sql += " AND (instr(target, :text) OR instr(before, :text) OR instr(after, :text) OR instr(result, :text))";
  }
  return sql;
}

void bind_action(SQLite::Statement& rows, const std::string& action) {
  rows.bind(":action", action);
  if (!is_prefix(action)) return;
  std::string end = action;
  ++end.back();  // the first text that does not begin so
  rows.bind(":action_end", end);
}

void bind_conditions(SQLite::Statement& rows, const AuditQuery& query) {
  rows.bind(":limit", query.limit);
  if (query.account) rows.bind(":account", *query.account);
  if (query.actor) rows.bind(":actor", *query.actor);
  if (query.action) bind_action(rows, *query.action);
  if (query.text) rows.bind(":text", *query.text);
  if (query.from_ms) rows.bind(":from", *query.from_ms);
  if (query.until_ms) rows.bind(":until", *query.until_ms);
  if (query.below_id) rows.bind(":below", *query.below_id);
}

bool finds_few(SQLite::Database& database, const Condition& condition) {
  SQLite::Statement count(database, std::string("SELECT count(*) FROM (SELECT 1 FROM audit INDEXED BY ") +
                                        condition.index + " WHERE " + condition.sql + " LIMIT :limit)");
  AuditQuery query = condition.alone;
  query.limit = kFew;
  bind_conditions(count, query);
  count.executeStep();
  return count.getColumn(0).getInt() < kFew;
}

// What few rows meet is looked up by itself; else the rows are gone through, newest first, until enough are found.
const char* index_for(SQLite::Database& database, const std::vector<Condition>& conditions) {
  if (conditions.size() == 1 && conditions.front().sorted) return conditions.front().index;
  for (const Condition& condition : conditions)
    if (finds_few(database, condition)) return condition.index;
  return "audit_time";
}

// The ids first, from the index alone; then only the rows that are shown are read.
std::string search_sql(SQLite::Database& database, const AuditQuery& query) {
  const std::vector<Condition> conditions = indexed_conditions(query);
  std::string sql = "SELECT " + audit_columns() + " FROM audit WHERE id IN (SELECT id FROM audit INDEXED BY ";
  sql += index_for(database, conditions);
  sql += " WHERE true";
  for (const Condition& condition : conditions) sql += std::string(" AND ") + condition.sql;
  return sql + other_conditions(query) + " ORDER BY at_ms DESC, id DESC LIMIT :limit) ORDER BY at_ms DESC, id DESC";
}

}  // namespace

std::string audit_columns() {
  return "id, at_ms, actor, source, action, account, target, before, after, result, duration_us, request_id";
}

AuditEntry audit_entry(SQLite::Statement& row) {
  const SQLite::Column account = row.getColumn(5);
  return {.id = row.getColumn(0).getInt64(),
          .at_ms = row.getColumn(1).getInt64(),
          .actor = row.getColumn(2).getString(),
          .source = row.getColumn(3).getString(),
          .action = row.getColumn(4).getString(),
          .account = account.isNull() ? std::nullopt : std::optional(account.getString()),
          .target = row.getColumn(6).getString(),
          .before = row.getColumn(7).getString(),
          .after = row.getColumn(8).getString(),
          .result = row.getColumn(9).getString(),
          .duration_us = row.getColumn(10).getInt64(),
          .request_id = row.getColumn(11).getString()};
}

void write_audit(SQLite::Database& database, std::span<const AuditEntry> entries) {
  if (entries.empty()) return;
  ChainLink head = read_head(database);
  SQLite::Statement row(
      database, "INSERT INTO audit (" + audit_columns() + ", hash) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)");
  for (AuditEntry entry : entries) {
    entry.id = head.id + 1;
    head = {.id = entry.id, .hash = chained_hash(head.hash, entry)};
    row.reset();
    bind_entry(row, entry, head.hash);
    row.exec();
  }
  write_head(database, head);
}

std::vector<AuditEntry> search_audit(SQLite::Database& database, const AuditQuery& query) {
  SQLite::Statement rows(database, search_sql(database, query));
  bind_conditions(rows, query);
  std::vector<AuditEntry> found;
  while (rows.executeStep()) found.push_back(audit_entry(rows));
  return found;
}

size_t trim_audit_rows(SQLite::Database& database, int64_t lived_ms) {
  const int64_t day = lived_ms / kDayMs;
  const ChainLink head = read_head(database);
  SQLite::Statement note(database, "INSERT OR IGNORE INTO audit_age (lived_day, newest_id) VALUES (?, ?)");
  note.bind(1, day);
  note.bind(2, head.id);
  note.exec();
  SQLite::Statement last(database,
                         "SELECT id, hash FROM audit WHERE id <= min(?1, (SELECT first_id FROM audit_base) + ?2, "
                         "(SELECT newest_id FROM audit_age WHERE lived_day <= ?3 ORDER BY lived_day DESC LIMIT 1)) "
                         "ORDER BY id DESC LIMIT 1");
  last.bind(1, head.id - kNewestKept);
  last.bind(2, kTrimmedAtOnce - 1);
  last.bind(3, day - kKeptDays);
  if (!last.executeStep()) return 0;
  const ChainLink trimmed{.id = last.getColumn(0).getInt64(), .hash = last.getColumn(1).getString()};
  last.reset();
  SQLite::Statement rows(database, "DELETE FROM audit WHERE id <= ?");
  rows.bind(1, trimmed.id);
  const int count = rows.exec();
  SQLite::Statement base(database, "INSERT OR REPLACE INTO audit_base (only_one, first_id, hash) VALUES (1, ?, ?)");
  base.bind(1, trimmed.id + 1);
  base.bind(2, trimmed.hash);
  base.exec();
  SQLite::Statement ages(database,
                         "DELETE FROM audit_age WHERE lived_day < "
                         "(SELECT max(lived_day) FROM audit_age WHERE lived_day <= ?)");
  ages.bind(1, day - kKeptDays);
  ages.exec();
  return static_cast<size_t>(count);
}

}  // namespace npanel
