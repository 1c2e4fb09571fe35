// SPDX-License-Identifier: Apache-2.0
// recovery_fixture.h: a database with accounts and backups in a directory of the test's own.
#pragma once

#include <gtest/gtest.h>

#include <filesystem>
#include <stdexcept>

#include "sample.h"
#include "store/backups.h"
#include "store/recovery.h"
#include "support/temp_dir.h"

namespace npanel {

class DatabaseRecovery : public testing::Test {
 protected:
  DatabaseRecovery() { std::filesystem::create_directory(scratch_); }

  Opened open() const {
    auto opened = open_or_recover(path_, scratch_);
    if (!opened) throw std::runtime_error(opened.error().text);
    return std::move(*opened);
  }
  // Accounts 0 … count - 1 in a file without a -wal.
  void make(uint32_t count) const {
    Store store = Store::open(path_).value();
    put_accounts(store, count);
  }
  void back_up(int64_t now_ms = 1'700'000'000'000) const {
    Store store = Store::open(path_).value();
    ASSERT_TRUE(Backups(path_).step(store, now_ms).value());
  }
  void raw(const std::string& sql) const { SQLite::Database(path_, SQLite::OPEN_READWRITE).exec(sql); }
  std::vector<std::string> kept() const { return beside(path_, ".damaged-"); }

  static std::vector<Account> first(uint32_t count) {
    std::vector<Account> accounts;
    for (uint32_t number = 0; number < count; ++number) accounts.push_back(account_of(number));
    return accounts;
  }

  const TempDir dir_;
  const std::string path_ = dir_.path("npanel.db");
  const std::string scratch_ = dir_.path("scratch");
};

inline void expect_says(const std::vector<std::string>& sentences, const std::string& words) {
  EXPECT_NE(joined(sentences).find(words), std::string::npos) << joined(sentences);
}

}  // namespace npanel
