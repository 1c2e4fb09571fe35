// SPDX-License-Identifier: Apache-2.0
#include "store/salvage.h"

#include <SQLiteCpp/Statement.h>
#include <SQLiteCpp/Transaction.h>
#include <sqlite3.h>

#include <limits>
#include <optional>

#include "store/check.h"
#include "store/database.h"
#include "store/features.h"
#include "store/files.h"
#include "store/migrate.h"
#include "store/rows.h"

namespace npanel {
namespace {

std::optional<Account> account_in(const std::string& backup, const std::string& name) {
  const auto found = catching("read " + backup, [&]() -> std::optional<Account> {
    const auto database = open_finished(backup);
    if (!database || !check_pages(**database, Look::quick)) return std::nullopt;
    for (Account& account : read_accounts(**database).valid)
      if (account.name == name) return std::move(account);
    return std::nullopt;
  });
  return found ? *found : std::nullopt;
}

std::optional<Account> newest_of(const std::string& name, const std::vector<std::string>& backups) {
  for (const std::string& backup : backups)
    if (auto account = account_in(backup, name)) return account;
  return std::nullopt;
}

// False when its slot or uid is another's by now.
bool insert(SQLite::Database& database, const Account& account) {
  SQLite::Statement row(
      database, "INSERT OR IGNORE INTO account (" + account_columns() + ") VALUES (" + account_placeholders() + ")");
  bind_account(row, account);
  return row.exec() == 1;
}

// What is saved as far as it can be read.
struct History {
  const char* table;
  std::vector<std::string> columns;
  const char* condition;                         // what a row has to be worth keeping
  const char* former_table = nullptr;            // of a version that called it something else
  std::vector<std::string> former_columns = {};  // or expressions, one for each of `columns`

  [[nodiscard]] const char* from_table() const { return former_table ? former_table : table; }
  [[nodiscard]] const std::vector<std::string>& from_columns() const {
    return former_columns.empty() ? columns : former_columns;
  }
};
// The first column is the rowid. What migrations/0010_words.sql renames comes by its new name.
constexpr const char* kKindNow =
    "CASE kind WHEN 'mail_braked' THEN 'mail_throttled' WHEN 'mail_brake_released' THEN 'mail_throttle_released' "
    "WHEN 'rate_limit_changed' THEN 'smtp_changed' ELSE kind END";
constexpr const char* kDetailNow =
    "CASE WHEN kind IN ('mail_braked', 'mail_brake_released') THEN replace(detail, '\"brake\":', '\"throttle\":') "
    "WHEN kind IN ('smtp_denied', 'smtp_would_deny') THEN "
    "replace(detail, '\"limit\":\"rate_limit\"', '\"limit\":\"smtp\"') "
    "WHEN kind = 'owner_told' THEN replace(detail, '\"reason\":\"rate_limit\"', '\"reason\":\"smtp\"') "
    "WHEN kind IN ('account_created', 'account_adopted', 'limits_kept') THEN "
    "replace(detail, '\"rate_limit\":', '\"smtp\":') ELSE detail END";
const History kEvents{"event",
                      {"id", "at_ms", "account", "kind", "detail"},
                      "json_valid(detail)",
                      "event",
                      {"id", "at_ms", "account", kKindNow, kDetailNow}};
const History kFailures{"failure", {"at_ms", "reason", "recovered_by", "recovery_seconds", "log"}, "true"};
const History kAudit{"audit",
                     {"id", "at_ms", "actor", "source", "action", "account", "target", "before", "after", "result",
                      "duration_us", "request_id", "hash"},
                     "true"};
const History kAuditBase{"audit_base", {"only_one", "first_id", "hash"}, "true"};
const History kAuditHead{"audit_head", {"only_one", "id", "hash"}, "true"};
const History kConfigVersions{"config_version", {"id", "at_ms", "actor", "files"}, "json_valid(files)"};
// These have keys of their own.
const History kFeatures{"feature_flags", {"name", "enabled", "mode", "rollout", "switched_off"}, "true"};
const History kOverrides{"feature_override", {"feature", "account", "enabled"}, "true"};
const History kTokens{"token", {"name", "scope", "hash", "created_ms"}, "true"};
const History kBudgets{"mail_budget", {"account", "saved_ms", "cells"}, "json_valid(cells)"};
// Those of former versions are read first, by the names that they have there.
const History kMailDecisionsOfVersion5{
    "mail_decision",
    {"account", "throttle_cause", "throttle_percent", "throttle_until_ms", "noticed_ms"},
    "true",
    "mail_care",
    {"account", "brake_cause", "brake_percent", "brake_until_ms", "noticed_ms"}};
const History kMailDecisionsOfVersion9{
    "mail_decision",
    {"account", "throttle_cause", "throttle_percent", "throttle_until_ms", "noticed_ms", "dns_noticed_ms"},
    "true",
    "mail_care",
    {"account", "brake_cause", "brake_percent", "brake_until_ms", "noticed_ms", "dns_noticed_ms"}};
const History kMailDecisions{
    "mail_decision",
    {"account", "throttle_cause", "throttle_percent", "throttle_until_ms", "noticed_ms", "dns_noticed_ms"},
    "true"};
const History kRepliesOfVersion3{
    "idempotent_reply", {"client", "key", "fingerprint", "at_ms", "status", "body"}, "true", "kept_answer"};
const History kRepliesOfVersion9{
    "idempotent_reply", {"client", "key", "fingerprint", "at_ms", "status", "body", "headers"}, "true", "kept_answer"};
const History kReplies{
    "idempotent_reply", {"client", "key", "fingerprint", "at_ms", "status", "body", "headers"}, "true"};
const History kLived{"lived_time", {"only_one", "boot_id", "boot_ms", "wall_ms", "lived_ms"}, "true"};
const History kAges{"audit_age", {"lived_day", "newest_id"}, "true"};

std::string list(const std::vector<std::string>& columns) {
  std::string text;
  for (const std::string& column : columns) text += (text.empty() ? "" : ", ") + column;
  return text;
}

void bind_like(SQLite::Statement& row, int index, const SQLite::Column& value) {
  if (value.isInteger())
    row.bind(index, value.getInt64());
  else if (value.isFloat())
    row.bind(index, value.getDouble());
  else if (value.isNull())
    row.bind(index);
  else
    row.bind(index, value.getString());
}

// Rows until the first that cannot be read, or that comes out of order: a damaged tree may lead round in a circle.
class HistoryReader {
 public:
  HistoryReader(SQLite::Database& database, const History& history, bool backwards, int64_t after)
      : backwards_(backwards),
        rows_(database, "SELECT rowid, " + list(history.from_columns()) + " FROM " + history.from_table() +
                            " NOT INDEXED WHERE rowid > ? AND " + history.condition + " ORDER BY rowid " +
                            (backwards ? "DESC" : "ASC")) {
    rows_.bind(1, after);
  }
  [[nodiscard]] bool next() {
    const auto more = catching("read rows", [&] { return rows_.executeStep(); });
    if (!more || !*more) return false;
    const int64_t id = rows_.getColumn(0).getInt64();
    const bool in_order = !last_ || (backwards_ ? id < *last_ : id > *last_);
    last_ = id;
    return in_order;
  }
  void bind_to(SQLite::Statement& row) {
    row.tryReset();  // repeats the refusal of the row before
    for (int i = 1; i < rows_.getColumnCount(); ++i) bind_like(row, i, rows_.getColumn(i));
  }
  [[nodiscard]] int64_t last() const { return last_.value_or(std::numeric_limits<int64_t>::min()); }

 private:
  bool backwards_;
  SQLite::Statement rows_;
  std::optional<int64_t> last_;
};

// False when the row breaks a rule of its table: then it is damaged.
bool inserted(SQLite::Database& database, SQLite::Statement& row) {
  const int code = row.tryExecuteStep();
  if (code == SQLITE_DONE) return true;
  constexpr int kPrimary = 0xff;
  if ((code & kPrimary) == SQLITE_CONSTRAINT) return false;
  throw SQLite::Exception(database.getHandle(), code);
}

// Forwards to the damage, then backwards to it. A table that cannot be asked at all costs its rows, not the accounts.
size_t copy_history(SQLite::Database& from, SQLite::Database& to, const History& history) {
  if (from.tryExec("SELECT " + list(history.from_columns()) + " FROM " + history.from_table() + " LIMIT 0") != 0)
    return 0;
  std::string placeholders = "?";
  for (size_t i = 1; i < history.columns.size(); ++i) placeholders += ", ?";
  SQLite::Statement row(to, std::string("INSERT OR REPLACE INTO ") + history.table + " (" + list(history.columns) +
                                ") VALUES (" + placeholders + ")");
  size_t copied = 0;
  int64_t reached = std::numeric_limits<int64_t>::min();
  for (const bool backwards : {false, true}) {
    HistoryReader reader(from, history, backwards, reached);
    while (reader.next()) {
      reader.bind_to(row);
      copied += inserted(to, row) ? 1 : 0;
    }
    reached = reader.last();
  }
  return copied;
}

// The newest backup's switches stand in for those that cannot be read.
void save_features(SQLite::Database& from, const std::vector<std::string>& backups, SQLite::Database& to) {
  switch_limits_on(to);
  if (!backups.empty())
    if (const auto backup = open_finished(backups.front())) copy_history(**backup, to, kFeatures);
  copy_history(from, to, kFeatures);
  copy_history(from, to, kOverrides);
  to.exec("DELETE FROM feature_override WHERE account NOT IN (SELECT name FROM account)");
}

// An end of the chain that cannot be read must not look like the end of what was saved.
size_t save_audit(SQLite::Database& from, SQLite::Database& to) {
  const bool had_any = from.tryExec("SELECT id FROM audit LIMIT 0") == 0;
  const size_t saved = copy_history(from, to, kAudit);
  copy_history(from, to, kAuditBase);
  if (had_any && copy_history(from, to, kAuditHead) == 0) to.exec("DELETE FROM audit_head");
  return saved;
}

int64_t last_event(SQLite::Database& database) {
  const auto last = catching("read the last event's number", [&] {
    return database.execAndGet("SELECT ifnull(max(seq), 0) FROM sqlite_sequence WHERE name = 'event'").getInt64();
  });
  return last.value_or(0);
}

// Events keep their numbers, so the next one must not get a number that was used.
void go_on_counting(SQLite::Database& database, int64_t from) {
  database.exec(
      "INSERT INTO sqlite_sequence (name, seq) SELECT 'event', 0 WHERE NOT EXISTS "
      "(SELECT 1 FROM sqlite_sequence WHERE name = 'event')");
  SQLite::Statement row(database, "UPDATE sqlite_sequence SET seq = max(seq, ?) WHERE name = 'event'");
  row.bind(1, from);
  row.exec();
}

void save_accounts(const AccountRows& rows, const std::vector<std::string>& backups, SQLite::Database& to,
                   Salvage& saved) {
  for (const Account& account : rows.valid) saved.accounts += insert(to, account) ? 1 : 0;
  for (const auto& [name, why] : rows.refused) {
    const auto older = newest_of(name, backups);
    const bool inserted = older && insert(to, *older);
    saved.accounts += inserted ? 1 : 0;
    (inserted ? saved.from_backup : saved.lost).push_back(name);
  }
}

}  // namespace

Result<Salvage> salvage(const std::string& from, const std::string& to, const std::vector<std::string>& backups) {
  if (!exists(from)) return failure(from + " is missing", EUCLEAN);
  const auto damaged = NP_TRY(open_untouched(from));
  NP_TRY(check_account_table(*damaged));
  const AccountRows rows = NP_TRY(catching("read accounts", [&] { return read_accounts(*damaged); }, damaged.get()));
  const auto fresh = NP_TRY(open_database(to));
  NP_TRY(migrate(*fresh, built_in_migrations()));
  return catching(
      "write " + to,
      [&] {
        SQLite::Transaction transaction(*fresh);
        Salvage saved;
        save_accounts(rows, backups, *fresh, saved);
        saved.events = copy_history(*damaged, *fresh, kEvents);
        copy_history(*damaged, *fresh, kFailures);
        save_features(*damaged, backups, *fresh);
        saved.audit = save_audit(*damaged, *fresh);
        for (const History* history :
             {&kTokens, &kRepliesOfVersion3, &kRepliesOfVersion9, &kReplies, &kBudgets, &kMailDecisionsOfVersion5,
              &kMailDecisionsOfVersion9, &kMailDecisions, &kConfigVersions, &kLived, &kAges})
          copy_history(*damaged, *fresh, *history);
        go_on_counting(*fresh, last_event(*damaged));
        transaction.commit();
        saved.last_event = last_event(*fresh);
        return saved;
      },
      fresh.get());
}

int64_t last_event_in(const std::string& backup) {
  auto database = open_finished(backup);
  return database ? last_event(**database) : 0;
}

}  // namespace npanel
