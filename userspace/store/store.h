// SPDX-License-Identifier: Apache-2.0
// store.h: what did the administrator say, and what happened?
#pragma once

#include <SQLiteCpp/Database.h>

#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/result.h"
#include "model/account.h"
#include "model/event.h"

namespace npanel {

// Each change is one transaction with its events, on disk when the call returns.
class Store {
 public:
  static Result<Store> open(const std::string& path);

  [[nodiscard]] Result<std::vector<Account>> accounts();
  // EEXIST (field "uid") when another account has the uid.
  Result<void> put(const Account& account, std::span<const Event> events);
  Result<void> erase(const std::string& name, const Event& event);

  // Keeps the newest 100,000.
  Result<void> append(std::span<const Event> events);
  // Newest first.
  [[nodiscard]] Result<std::vector<Event>> events(const std::optional<std::string>& account, int limit);

 private:
  explicit Store(std::unique_ptr<SQLite::Database> database) : database_(std::move(database)) {}
  void insert(std::span<const Event> events);
  std::unique_ptr<SQLite::Database> database_;
};

}  // namespace npanel
