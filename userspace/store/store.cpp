// SPDX-License-Identifier: Apache-2.0
#include "store/store.h"

#include <SQLiteCpp/Statement.h>
#include <SQLiteCpp/Transaction.h>
#include <sqlite3.h>

#include "store/database.h"
#include "store/migrate.h"

namespace npanel {
namespace {

constexpr int kEventsKept = 100'000;

// name, slot, uid, state, kLimitFields…, smtp_per_minute, smtp_burst, smtp_mode
std::string columns() {
  std::string list = "name, slot, uid, state";
  for (const LimitField& field : kLimitFields) list += std::string(", ") + field.name;
  return list + ", smtp_per_minute, smtp_burst, smtp_mode";
}

std::string placeholders() {
  std::string list = "?, ?, ?, ?";
  for (size_t i = 0; i < std::size(kLimitFields); ++i) list += ", ?";
  return list + ", ?, ?, ?";
}

void bind_optional(SQLite::Statement& row, int index, std::optional<uint64_t> value) {
  if (value)
    row.bind(index, static_cast<int64_t>(*value));
  else
    row.bind(index);
}

std::optional<uint64_t> optional_column(const SQLite::Column& column) {
  if (column.isNull()) return std::nullopt;
  return static_cast<uint64_t>(column.getInt64());
}

void bind(SQLite::Statement& row, const Account& account) {
  int at = 1;
  row.bind(at++, account.name);
  row.bind(at++, account.slot);
  bind_optional(row, at++, account.uid);
  row.bind(at++, std::string(to_string(account.state)));
  for (const LimitField& field : kLimitFields) bind_optional(row, at++, account.limits.*field.member);
  row.bind(at++, account.rate_limit.per_minute);
  row.bind(at++, account.rate_limit.burst);
  row.bind(at++, std::string(to_string(account.rate_limit.mode)));
}

// The table's CHECK constraints leave no other words for state and mode.
Account read(SQLite::Statement& row) {
  Account account;
  int at = 0;
  account.name = row.getColumn(at++).getString();
  account.slot = row.getColumn(at++).getUInt();
  if (const auto uid = optional_column(row.getColumn(at++))) account.uid = static_cast<uid_t>(*uid);
  account.state = parse_account_state(row.getColumn(at++).getString()).value();
  for (const LimitField& field : kLimitFields) account.limits.*field.member = optional_column(row.getColumn(at++));
  account.rate_limit.per_minute = row.getColumn(at++).getUInt();
  account.rate_limit.burst = row.getColumn(at++).getUInt();
  account.rate_limit.mode = parse_smtp_mode(row.getColumn(at++).getString()).value();
  return account;
}

// A row edited by hand with sqlite3 answers to the same rules as the API.
Result<void> check_row(const Account& account) {
  NP_TRY(parse_account_name(account.name));
  if (account.uid) NP_TRY(check_uid(*account.uid));
  NP_TRY(check(account.limits));
  return check(account.rate_limit);
}

}  // namespace

Result<Store> Store::open(const std::string& path) {
  auto database = NP_TRY(open_database(path));
  NP_TRY(migrate(*database, built_in_migrations()));
  return Store(std::move(database));
}

Result<std::vector<Account>> Store::accounts() {
  auto accounts = NP_TRY(catching("read accounts", [&] {
    SQLite::Statement rows(*database_, "SELECT " + columns() + " FROM account ORDER BY name");
    std::vector<Account> found;
    while (rows.executeStep()) found.push_back(read(rows));
    return found;
  }));
  for (const Account& account : accounts)
    if (auto checked = check_row(account); !checked)
      return std::unexpected(std::move(checked.error()).within("account \"" + account.name + "\" in the database"));
  return accounts;
}

Result<void> Store::put(const Account& account, std::span<const Event> events) {
  try {
    SQLite::Transaction transaction(*database_);
    // Not REPLACE: that would throw out another account with the same uid.
    SQLite::Statement clear(*database_, "DELETE FROM account WHERE name = ?");
    clear.bind(1, account.name);
    clear.exec();
    SQLite::Statement row(*database_, "INSERT INTO account (" + columns() + ") VALUES (" + placeholders() + ")");
    bind(row, account);
    row.exec();
    insert(events);
    transaction.commit();
    return {};
  } catch (const SQLite::Exception& problem) {
    if (problem.getExtendedErrorCode() == SQLITE_CONSTRAINT_UNIQUE && account.uid)
      return std::unexpected(Error{.text = "uid " + std::to_string(*account.uid) + " belongs to another account",
                                   .code = EEXIST,
                                   .field = "uid"});
    return failure(std::string("save the account: ") + problem.what(), EIO);
  }
}

Result<void> Store::erase(const std::string& name, const Event& event) {
  return catching("delete the account", [&] {
    SQLite::Transaction transaction(*database_);
    SQLite::Statement row(*database_, "DELETE FROM account WHERE name = ?");
    row.bind(1, name);
    row.exec();
    insert({&event, 1});
    transaction.commit();
  });
}

void Store::insert(std::span<const Event> events) {
  SQLite::Statement row(*database_, "INSERT INTO event (at_ms, account, kind, detail) VALUES (?, ?, ?, ?)");
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
  return catching("save events", [&] {
    SQLite::Transaction transaction(*database_);
    insert(events);
    SQLite::Statement trim(*database_, "DELETE FROM event WHERE id <= (SELECT max(id) FROM event) - ?");
    trim.bind(1, kEventsKept);
    trim.exec();
    transaction.commit();
  });
}

Result<std::vector<Event>> Store::events(const std::optional<std::string>& account, int limit) {
  return catching("read events", [&] {
    SQLite::Statement rows(*database_, std::string("SELECT id, at_ms, account, kind, detail FROM event ") +
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

}  // namespace npanel
