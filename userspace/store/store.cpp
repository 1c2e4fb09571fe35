// SPDX-License-Identifier: Apache-2.0
#include "store/store.h"

#include <SQLiteCpp/Statement.h>
#include <SQLiteCpp/Transaction.h>
#include <sqlite3.h>

#include "store/audit.h"
#include "store/config_versions.h"
#include "store/database.h"
#include "store/events.h"
#include "store/idempotent_replies.h"
#include "store/lived_time.h"
#include "store/migrate.h"
#include "store/rows.h"
#include "store/tokens.h"

namespace npanel {

Result<Store> Store::open(const std::string& path) {
  auto database = NP_TRY(open_database(path));
  NP_TRY(migrate(*database, built_in_migrations()));
  return Store(std::move(database));
}

Store::Store(std::unique_ptr<SQLite::Database> database, std::optional<std::string> read_only)
    : connection_(new Connection{.database = std::move(database), .copy = nullptr, .read_only = std::move(read_only)}) {
}

template <class Work>
auto Store::reading(std::string_view what, Work&& work) -> Result<decltype(work())> {
  if (!connection_) return failure(std::string(what) + ": the database is closed", EBADF);
  auto done = catching(what, std::forward<Work>(work), connection_->database.get());
  if (!done && done.error().code == EUCLEAN) connection_->damaged = true;
  return done;
}

// SQLite needs no help to recover from a refused write: the transaction is rolled back, what it had written to the -wal
// lies behind the last commit and is written over by the next. Immediate: a transaction that reads first, as that of
// the audit trail, could not wait for another writer any more.
template <class Work>
auto Store::changing(std::string_view what, const Notes& notes, Work&& work) -> Result<decltype(work())> {
  if (read_only())
    return failure(std::string(what) + ": nothing was changed: " + *connection_->read_only +
                       "; limits stay in force, and the agent tries again by itself",
                   EROFS);
  return reading(std::string(what) + ": nothing was changed", [&] {
    SQLite::Transaction transaction(database(), SQLite::TransactionBehavior::IMMEDIATE);
    write_events(database(), notes.events);
    write_audit(database(), notes.audit);
    for (const AuditEntry& entry : notes.audit)
      if (entry.key) write_key(database(), *entry.key);
    if constexpr (std::is_void_v<decltype(work())>) {
      work();
      transaction.commit();
    } else {
      auto done = work();
      transaction.commit();
      return done;
    }
  });
}

Result<std::vector<Account>> Store::accounts() {
  AccountRows rows = NP_TRY(reading("read accounts", [&] { return read_accounts(database()); }));
  if (rows.refused.empty()) return std::move(rows.valid);
  Error why = std::move(rows.refused.front().why);
  why.code = EUCLEAN;
  return std::unexpected(std::move(why).within("account \"" + rows.refused.front().name + "\" in the database"));
}

Result<void> Store::put(const Account& account, const Notes& notes) {
  return rename(account.name, account, notes);
}

Result<void> Store::rename(const std::string& from, const Account& account, const Notes& notes) {
  auto saved = changing("save the account", notes, [&] {
    // Not REPLACE: that would throw out another account with the same uid.
    SQLite::Statement clear(database(), "DELETE FROM account WHERE name = ?");
    clear.bind(1, from);
    clear.exec();
    SQLite::Statement row(database(),
                          "INSERT INTO account (" + account_columns() + ") VALUES (" + account_placeholders() + ")");
    bind_account(row, account);
    row.exec();
    if (from != account.name) rename_rows(database(), from, account.name);
  });
  if (!saved && saved.error().code == EEXIST && account.uid)
    return std::unexpected(Error{
        .text = "uid " + std::to_string(*account.uid) + " belongs to another account", .code = EEXIST, .field = "uid"});
  return saved;
}

Result<void> Store::erase(const std::string& name, const Notes& notes) {
  return changing("delete the account", notes, [&] {
    SQLite::Statement row(database(), "DELETE FROM account WHERE name = ?");
    row.bind(1, name);
    row.exec();
    erase_overrides_of(database(), name);
    erase_budget_of(database(), name);
    erase_mail_decisions_of(database(), name);
  });
}

Result<std::vector<StoredBudget>> Store::budgets(int64_t now_ms, uint64_t now_ns) {
  return reading("read what was sent", [&] { return read_budgets(database(), now_ms, now_ns); });
}

Result<void> Store::put(const std::vector<StoredBudget>& budgets, uint64_t now_ns) {
  return changing("save what was sent", {}, [&] {
    for (const StoredBudget& stored : budgets) write_budget(database(), stored, now_ns);
  });
}

Result<StoredMailDecisions> Store::mail_decisions() {
  return reading("read which accounts are throttled", [&] { return read_mail_decisions(database()); });
}

Result<void> Store::put(const std::string& account, const MailDecisions& decisions, const Notes& notes) {
  return changing("save what was decided about mail", notes,
                  [&] { write_mail_decisions(database(), account, decisions); });
}

Result<void> Store::append(const Notes& notes) {
  return changing("save events", notes, [] {});
}

Result<std::vector<Event>> Store::events(const std::optional<std::string>& account, int limit,
                                         std::optional<int64_t> below_id) {
  return reading("read events", [&] { return read_events(database(), account, limit, below_id); });
}

Result<void> Store::put(const Failure& failure) {
  return changing("save the failure", {}, [&] { write_failure(database(), failure); });
}

Result<std::vector<Failure>> Store::failures(int limit) {
  return reading("read failures", [&] { return read_failures(database(), limit); });
}

Result<std::vector<StoredFeature>> Store::features() {
  return reading("read the features", [&] { return read_features(database()); });
}

Result<void> Store::put(const StoredFeature& feature, const Notes& notes) {
  return changing("save the feature", notes, [&] { write_feature(database(), feature); });
}

Result<void> Store::put_override(const std::string& feature, const std::string& account, std::optional<bool> enabled,
                                 const Notes& notes) {
  return changing("save the override", notes, [&] { write_override(database(), feature, account, enabled); });
}

Result<std::vector<AuditEntry>> Store::audit(const AuditQuery& query) {
  return reading("read the audit trail", [&] { return search_audit(database(), query); });
}

Result<size_t> Store::trim(int64_t lived_ms) {
  return changing("trim the history", {}, [&] {
    trim_events(database());
    return trim_audit_rows(database(), lived_ms);
  });
}

Result<std::optional<LivedMark>> Store::lived_mark() {
  return reading("read how much time has passed", [&] { return read_lived_mark(database()); });
}

Result<void> Store::put(const LivedMark& mark) {
  return changing("save how much time has passed", {}, [&] { write_lived_mark(database(), mark); });
}

Result<std::vector<Token>> Store::tokens() {
  return reading("read the tokens", [&] { return read_tokens(database()); });
}

Result<void> Store::put(const Token& token, const Notes& notes) {
  return changing("save the token", notes, [&] { write_token(database(), token); });
}

Result<void> Store::erase_token(const std::string& name, const Notes& notes) {
  return changing("revoke the token", notes, [&] { erase_token_row(database(), name); });
}

Result<std::optional<IdempotentReply>> Store::find(const std::string& client, const std::string& key,
                                                   int64_t lived_ms) {
  return reading("read an idempotent reply", [&] { return read_idempotent_reply(database(), client, key, lived_ms); });
}

Result<void> Store::keep(const IdempotentReply& answer) {
  return changing("keep an idempotent reply", {}, [&] { write_idempotent_reply(database(), answer); });
}

Result<int64_t> Store::add(const ConfigVersion& version, const Notes& notes) {
  const std::string files = NP_TRY(files_as_json(version));
  return changing("save the configuration", notes, [&] { return write_config_version(database(), version, files); });
}

Result<std::vector<ConfigVersion>> Store::config_versions(int limit) {
  return reading("read the configurations", [&] { return read_config_versions(database(), limit); });
}

Result<ConfigVersion> Store::config_version(int64_t id) {
  auto found = NP_TRY(reading("read a configuration", [&] { return read_config_version(database(), id); }));
  if (!found) return failure("there is no configuration version " + std::to_string(id), ENOENT);
  return std::move(*found);
}

Result<int64_t> Store::foreign_changes() {
  return reading("read the database's version",
                 [&] { return database().execAndGet("PRAGMA data_version").getInt64(); });
}

// The copy is worth nothing before its check and its fsync, so SQLite need not be careful with it.
Store::Copy::Copy(const std::string& path, SQLite::Database& from)
    : to(path, SQLite::OPEN_READWRITE),
      pages((to.exec("PRAGMA journal_mode = OFF"), to.exec("PRAGMA synchronous = OFF"), to), from) {}

void Store::stop_copying() {
  if (connection_) connection_->copy.reset();
}

Result<bool> Store::copy_some(const std::string& path, int pages) {
  auto complete = reading("copy the database to " + path, [&] {
    if (!connection_->copy) connection_->copy = std::make_unique<Copy>(path, database());
    return connection_->copy->pages.executeStep(pages) == SQLITE_DONE;  // not when somebody holds the lock: later
  });
  if (connection_ && (!complete || *complete)) {
    connection_->copy.reset();
    sqlite3_db_release_memory(database().getHandle());  // by now the cache holds every page: 2 MB
  }
  return complete;
}

Store::Pages Store::copied() const {
  if (!copying()) return {};
  auto& pages = connection_->copy->pages;
  const auto total = static_cast<uint64_t>(pages.getTotalPageCount());
  return {.done = total - static_cast<uint64_t>(pages.getRemainingPageCount()), .total = total};
}

Result<std::string> Store::version() {
  return reading("read the database's version", [&] {
    // The one counts this connection's changes, the other everybody else's.
    return std::to_string(connection_->serial) + "." + std::to_string(sqlite3_total_changes(database().getHandle())) +
           "." + database().execAndGet("PRAGMA data_version").getString();
  });
}

void Store::suspect_damage() {
  if (connection_) connection_->damaged = true;
}

}  // namespace npanel
