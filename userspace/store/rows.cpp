// SPDX-License-Identifier: Apache-2.0
#include "store/rows.h"

#include <limits>

#include "npanel/smtp.h"

namespace npanel {
namespace {

void bind_optional(SQLite::Statement& row, int index, std::optional<uint64_t> value) {
  if (value)
    row.bind(index, static_cast<int64_t>(*value));
  else
    row.bind(index);
}

void bind_optional(SQLite::Statement& row, int index, const std::optional<std::string>& text) {
  if (text)
    row.bind(index, *text);
  else
    row.bind(index);
}

std::optional<std::string> optional_text(const SQLite::Column& column) {
  if (column.isNull()) return std::nullopt;
  return column.getString();
}

std::optional<uint64_t> optional_column(const SQLite::Column& column) {
  if (column.isNull()) return std::nullopt;
  return static_cast<uint64_t>(column.getInt64());
}

// A damaged row may hold any 64 bits: cutting them to 32 could make a wrong number look right.
Result<uint32_t> narrow(const SQLite::Column& column) {
  const int64_t value = column.getInt64();
  if (value < 0 || value > std::numeric_limits<uint32_t>::max())
    return refused(column.getName(), "is out of range: " + std::to_string(value));
  return static_cast<uint32_t>(value);
}

template <class Enum>
Result<Enum> word(const SQLite::Column& column, std::optional<Enum> (&parse)(std::string_view)) {
  const std::string text = column.getString();
  if (const auto value = parse(text)) return *value;
  return refused(column.getName(), "is unknown");
}

Result<Account> read(SQLite::Statement& row) {
  Account account;
  int at = 0;
  account.name = row.getColumn(at++).getString();
  account.slot = NP_TRY(narrow(row.getColumn(at++)));
  if (const SQLite::Column uid = row.getColumn(at++); !uid.isNull()) account.uid = NP_TRY(narrow(uid));
  account.state = NP_TRY(word(row.getColumn(at++), parse_account_state));
  for (const LimitField& field : kLimitFields) account.limits.*field.member = optional_column(row.getColumn(at++));
  account.smtp.per_minute = NP_TRY(narrow(row.getColumn(at++)));
  account.smtp.burst = NP_TRY(narrow(row.getColumn(at++)));
  account.smtp.mode = NP_TRY(word(row.getColumn(at++), parse_smtp_mode));
  for (const MailField& field : kMailFields) account.mail.*field.member = optional_column(row.getColumn(at++));
  const auto raised = optional_column(row.getColumn(at++));
  const auto until = optional_column(row.getColumn(at++));
  const auto until_boot = optional_column(row.getColumn(at++));
  if (raised && until) {
    account.raise = {.messages_per_hour = *raised, .until_ms = static_cast<int64_t>(*until)};
    if (until_boot) account.raise->until_boot_ms = static_cast<int64_t>(*until_boot);
  }
  account.contact.email = optional_text(row.getColumn(at++));
  account.contact.language = optional_text(row.getColumn(at++));
  account.uid_of_user = row.getColumn(at++).getInt() != 0;
  account.directory = optional_text(row.getColumn(at++));
  return account;
}

// What an earlier version took, or accounts.least_uid allowed at the time, is no damage: the agent judges it.
Result<void> check_stored_uid(uid_t uid) {
  if (uid != 0 && uid != std::numeric_limits<uid_t>::max()) return {};
  return refused("uid", "must be from 1 to 4294967294; got " + std::to_string(uid));
}

// A row edited by hand with sqlite3 answers to the same rules as the API.
Result<void> check_row(const Account& account) {
  NP_TRY(parse_account_name(account.name));
  if (account.slot >= NP_SLOTS) return refused("slot", "must be below " + std::to_string(NP_SLOTS));
  if (account.uid) NP_TRY(check_stored_uid(*account.uid));
  if (account.directory && !account_of_directory(*account.directory))
    return refused("cgroup_directory", "is no account's: " + *account.directory);
  NP_TRY(check(account.limits));
  NP_TRY(check(account.smtp));
  NP_TRY(check(account.mail));
  return check(account.contact);
}

Result<Account> read_checked(SQLite::Statement& row) {
  Account account = NP_TRY(read(row));
  NP_TRY(check_row(account));
  return account;
}

std::string columns_before_mail() {
  std::string list = "name, slot, uid, state";
  for (const LimitField& field : kLimitFields) list += std::string(", ") + field.name;
  return list + ", smtp_per_minute, smtp_burst, smtp_mode";
}

std::string mail_columns() {
  std::string list;
  for (const MailField& field : kMailFields) list += std::string(", mail_") + field.name;
  return list + ", raise_messages_per_hour, raise_until_ms";
}

constexpr const char* kBootColumn = ", raise_until_boot_ms";

std::string contact_columns() {
  return ", contact_email, contact_language";
}

// A backup, or a damaged file, may be of a version whose accounts had no mail limits, no contact, a raise that went by
// one clock, or no uid of a user's.
std::string columns_of(SQLite::Database& database) {
  const auto has = [&](const char* column) {
    return database.tryExec(std::string("SELECT ") + column + " FROM account LIMIT 0") == 0;
  };
  const std::string no_user = ", uid IS NULL, NULL";  // as migration 0008 has it
  const std::string with_mail = columns_before_mail() + mail_columns();
  if (has("cgroup_directory")) return account_columns();
  if (has("raise_until_boot_ms")) return with_mail + kBootColumn + contact_columns() + no_user;
  if (has("contact_email")) return with_mail + ", NULL" + contact_columns() + no_user;
  if (has("mail_connections")) return with_mail + ", NULL, NULL, NULL" + no_user;
  std::string list = columns_before_mail();
  for (size_t i = 0; i < std::size(kMailFields) + 5; ++i) list += ", NULL";
  return list + no_user;
}

}  // namespace

std::string account_columns() {
  return columns_before_mail() + mail_columns() + kBootColumn + contact_columns() + ", uid_of_user, cgroup_directory";
}

std::string account_placeholders() {
  std::string list = "?, ?, ?, ?";
  for (size_t i = 0; i < std::size(kLimitFields) + std::size(kMailFields); ++i) list += ", ?";
  return list + ", ?, ?, ?, ?, ?, ?, ?, ?, ?, ?";
}

void bind_account(SQLite::Statement& row, const Account& account) {
  int at = 1;
  row.bind(at++, account.name);
  row.bind(at++, account.slot);
  bind_optional(row, at++, account.uid);
  row.bind(at++, std::string(to_string(account.state)));
  for (const LimitField& field : kLimitFields) bind_optional(row, at++, account.limits.*field.member);
  row.bind(at++, account.smtp.per_minute);
  row.bind(at++, account.smtp.burst);
  row.bind(at++, std::string(to_string(account.smtp.mode)));
  for (const MailField& field : kMailFields) bind_optional(row, at++, account.mail.*field.member);
  bind_optional(row, at++, account.raise ? std::optional(account.raise->messages_per_hour) : std::nullopt);
  bind_optional(row, at++,
                account.raise ? std::optional(static_cast<uint64_t>(account.raise->until_ms)) : std::nullopt);
  const auto until_boot = account.raise ? account.raise->until_boot_ms : std::nullopt;
  bind_optional(row, at++, until_boot ? std::optional(static_cast<uint64_t>(*until_boot)) : std::nullopt);
  bind_optional(row, at++, account.contact.email);
  bind_optional(row, at++, account.contact.language);
  row.bind(at++, account.uid_of_user ? 1 : 0);
  bind_optional(row, at++, account.directory);
}

void rename_rows(SQLite::Database& database, const std::string& from, const std::string& to) {
  for (const char* table : {"event", "feature_override", "mail_budget", "mail_decision"}) {
    SQLite::Statement row(database, std::string("UPDATE OR REPLACE ") + table + " SET account = ? WHERE account = ?");
    row.bind(1, to);
    row.bind(2, from);
    row.exec();
  }
}

AccountRows read_accounts(SQLite::Database& database) {
  AccountRows rows;
  SQLite::Statement row(database, "SELECT " + columns_of(database) + " FROM account ORDER BY name");
  while (row.executeStep()) {
    auto account = read_checked(row);
    if (account)
      rows.valid.push_back(std::move(*account));
    else
      rows.refused.push_back({row.getColumn(0).getString(), std::move(account.error())});
  }
  return rows;
}

}  // namespace npanel
