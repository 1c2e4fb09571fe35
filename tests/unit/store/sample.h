// SPDX-License-Identifier: Apache-2.0
// sample.h: accounts, events and damage for the tests of the store.
#pragma once

#include <SQLiteCpp/Statement.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>
#include <vector>

#include "store/store.h"

namespace npanel {

inline Account account_of(uint32_t number) {
  return {.name = "site" + std::to_string(number),
          .slot = number,
          .uid = 20000 + number,
          .limits = {.cpu_percent = 1 + number % 200, .pids_max = 10 + number},
          .smtp = {.per_minute = 60, .burst = 1 + number % 60, .mode = SmtpMode::enforce}};
}

inline Event event_of(const std::string& account) {
  return {.at_ms = 1'700'000'000'000,
          .account = account,
          .kind = "smtp_denied",
          .detail = R"({"count":3,"executable":"/usr/bin/php8.2","to":"203.0.113.7:25"})"};
}

// Of so many kinds that none is over its quota.
inline std::vector<Event> events_of(const std::string& account, size_t count) {
  constexpr size_t kOfAKind = 200;
  std::vector<Event> events(count, event_of(account));
  for (size_t i = kOfAKind; i < count; ++i) events[i].kind = "kind_" + std::to_string(i / kOfAKind);
  return events;
}

inline Notes notes_of(const std::string& account, size_t count) {
  return {.events = events_of(account, count)};
}

// The newest `number` of a trail has the id `number` when this is all that was written.
inline AuditEntry entry_of(const std::string& account, const std::string& action = "account.change") {
  return {.at_ms = 1'700'000'000'000,
          .actor = "uid 0 (root)",
          .source = "cli",
          .action = action,
          .account = account,
          .target = "limits",
          .before = R"({"pids_max":10})",
          .after = R"({"pids_max":20})",
          .duration_us = 1500,
          .request_id = "r-1"};
}

inline void put_accounts(Store& store, uint32_t count) {
  for (uint32_t number = 0; number < count; ++number) {
    const Account account = account_of(number);
    const auto saved = store.put(account, notes_of(account.name, 1));
    ASSERT_TRUE(saved) << saved.error().text;
  }
}

// Into a database of a version without mail limits.
inline void put_old_accounts(SQLite::Database& database, uint32_t count) {
  for (uint32_t number = 0; number < count; ++number) {
    const Account account = account_of(number);
    SQLite::Statement row(
        database,
        "INSERT INTO account (name, slot, uid, state, cpu_percent, memory_max_bytes, swap_max_bytes, "
        "io_read_bytes_per_s, io_write_bytes_per_s, pids_max, smtp_per_minute, smtp_burst, smtp_mode) "
        "VALUES (?, ?, ?, 'active', ?, 536870912, 0, 50000000, 50000000, ?, ?, ?, 'enforce')");
    row.bind(1, account.name);
    row.bind(2, account.slot);
    row.bind(3, *account.uid);
    row.bind(4, static_cast<int64_t>(*account.limits.cpu_percent));
    row.bind(5, static_cast<int64_t>(*account.limits.pids_max));
    row.bind(6, account.smtp.per_minute);
    row.bind(7, account.smtp.burst);
    row.exec();
  }
}

// As they are after the upgrade: nothing is limited that was not.
inline std::vector<Account> without_mail_limits(std::vector<Account> accounts) {
  for (Account& account : accounts)
    for (const MailField& field : kMailFields) (account.mail.*field.member).reset();
  return accounts;
}

inline std::string bytes_of(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  std::stringstream all;
  all << file.rdbuf();
  return all.str();
}

inline void write_bytes(const std::string& path, const std::string& bytes) {
  std::ofstream(path, std::ios::binary | std::ios::trunc) << bytes;
}

inline void flip_bit(const std::string& path, size_t byte, int bit = 0) {
  std::string bytes = bytes_of(path);
  ASSERT_LT(byte, bytes.size());
  bytes[byte] = static_cast<char>(static_cast<unsigned char>(bytes[byte]) ^ (1U << bit));
  write_bytes(path, bytes);
}

inline void overwrite(const std::string& path, size_t at, const std::string& text) {
  std::string bytes = bytes_of(path);
  ASSERT_LE(at + text.size(), bytes.size());
  bytes.replace(at, text.size(), text);
  write_bytes(path, bytes);
}

// Files beside `path` whose names begin with its name and `middle`.
inline std::vector<std::string> beside(const std::string& path, const std::string& middle) {
  std::vector<std::string> found;
  const std::filesystem::path whole(path);
  for (const auto& entry : std::filesystem::directory_iterator(whole.parent_path()))
    if (entry.path().filename().string().starts_with(whole.filename().string() + middle))
      found.push_back(entry.path().filename());
  return found;
}

inline std::string joined(const std::vector<std::string>& sentences) {
  std::string text;
  for (const std::string& sentence : sentences) text += sentence + "\n";
  return text;
}

}  // namespace npanel
