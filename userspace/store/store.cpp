// SPDX-License-Identifier: Apache-2.0
#include "store/store.h"

#include <SQLiteCpp/Statement.h>
#include <SQLiteCpp/Transaction.h>
#include <sqlite3.h>

#include <sstream>

#include "store/database.h"
#include "store/migrate.h"
#include "store/rows.h"

namespace npanel {
namespace {

constexpr int kEventsKept = 100'000;
constexpr int kFailuresKept = 1000;

}  // namespace

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
// lies behind the last commit and is written over by the next.
template <class Work>
Result<void> Store::changing(std::string_view what, Work&& work) {
  if (read_only())
    return failure(std::string(what) + ": nothing was changed: " + *connection_->read_only +
                       "; limits stay in force, and the agent tries again by itself",
                   EROFS);
  return reading(std::string(what) + ": nothing was changed", [&] {
    SQLite::Transaction transaction(database());
    work();
    transaction.commit();
  });
}

Result<std::vector<Account>> Store::accounts() {
  AccountRows rows = NP_TRY(reading("read accounts", [&] { return read_accounts(database()); }));
  if (rows.refused.empty()) return std::move(rows.valid);
  Error why = std::move(rows.refused.front().why);
  why.code = EUCLEAN;
  return std::unexpected(std::move(why).within("account \"" + rows.refused.front().name + "\" in the database"));
}

Result<void> Store::put(const Account& account, std::span<const Event> events) {
  auto saved = changing("save the account", [&] {
    // Not REPLACE: that would throw out another account with the same uid.
    SQLite::Statement clear(database(), "DELETE FROM account WHERE name = ?");
    clear.bind(1, account.name);
    clear.exec();
    SQLite::Statement row(database(),
                          "INSERT INTO account (" + account_columns() + ") VALUES (" + account_placeholders() + ")");
    bind_account(row, account);
    row.exec();
    insert(events);
  });
  if (!saved && saved.error().code == EEXIST && account.uid)
    return std::unexpected(Error{
        .text = "uid " + std::to_string(*account.uid) + " belongs to another account", .code = EEXIST, .field = "uid"});
  return saved;
}

Result<void> Store::erase(const std::string& name, const Event& event) {
  return changing("delete the account", [&] {
    SQLite::Statement row(database(), "DELETE FROM account WHERE name = ?");
    row.bind(1, name);
    row.exec();
    insert({&event, 1});
  });
}

void Store::insert(std::span<const Event> events) {
  SQLite::Statement row(database(), "INSERT INTO event (at_ms, account, kind, detail) VALUES (?, ?, ?, ?)");
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
  }
}

Result<void> Store::append(std::span<const Event> events) {
  return changing("save events", [&] {
    insert(events);
    SQLite::Statement trim(database(), "DELETE FROM event WHERE id <= (SELECT max(id) FROM event) - ?");
    trim.bind(1, kEventsKept);
    trim.exec();
  });
}

Result<std::vector<Event>> Store::events(const std::optional<std::string>& account, int limit) {
  return reading("read events", [&] {
    SQLite::Statement rows(database(), std::string("SELECT id, at_ms, account, kind, detail FROM event ") +
                                           (account ? "WHERE account = ?2 " : "") + "ORDER BY id DESC LIMIT ?1");
    rows.bind(1, limit);
    if (account) rows.bind(2, *account);
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
  });
}

Result<void> Store::put(const Failure& failure) {
  return changing("save the failure", [&] {
    SQLite::Statement row(database(),
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
    SQLite::Statement trim(database(),
                           "DELETE FROM failure WHERE at_ms < (SELECT at_ms FROM failure ORDER BY at_ms DESC LIMIT 1 "
                           "OFFSET ?)");
    trim.bind(1, kFailuresKept - 1);
    trim.exec();
  });
}

Result<std::vector<Failure>> Store::failures(int limit) {
  return reading("read failures", [&] {
    SQLite::Statement rows(database(),
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
  });
}

// The copy is worth nothing before its check and its fsync, so SQLite need not be careful with it.
Store::Copy::Copy(const std::string& path, SQLite::Database& from)
    : to(path, SQLite::OPEN_READWRITE),
      pages((to.exec("PRAGMA journal_mode = OFF"), to.exec("PRAGMA synchronous = OFF"), to), from) {}

Result<bool> Store::copy_some(const std::string& path, int pages) {
  auto complete = reading("copy the database to " + path, [&] {
    if (!connection_->copy) connection_->copy = std::make_unique<Copy>(path, database());
    return connection_->copy->pages.executeStep(pages) == SQLITE_DONE;  // not when somebody holds the lock: later
  });
  if (connection_ && (!complete || *complete)) connection_->copy.reset();
  return complete;
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
