// SPDX-License-Identifier: Apache-2.0
// store.h: what did the administrator say, and what happened?
#pragma once

#include <SQLiteCpp/Backup.h>
#include <SQLiteCpp/Database.h>

#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "model/account.h"
#include "model/event.h"
#include "model/failure.h"

namespace npanel {

// Each change is one transaction with its events, on disk when the call returns. A change that the disk refuses leaves
// nothing behind, its error says why in words, and the next change simply tries again.
class Store {
 public:
  static Result<Store> open(const std::string& path);
  // Over a database that is open and has today's tables. With `read_only`, the reason, every change is refused (EROFS).
  explicit Store(std::unique_ptr<SQLite::Database> database, std::optional<std::string> read_only = std::nullopt);

  // Ends the connection; every later call is refused. To be called before the file is opened anew (with care): the last
  // connection to close removes the -wal by its name, which must not be the next one's.
  void close() { connection_.reset(); }
  // The file turned out to be damaged: close(), then open with care.
  [[nodiscard]] bool wants_reopening() const { return connection_ && connection_->damaged; }
  [[nodiscard]] bool read_only() const { return connection_ && connection_->read_only; }

  // EUCLEAN names the account whose row is not valid.
  [[nodiscard]] Result<std::vector<Account>> accounts();
  // EEXIST (field "uid") when another account has the uid.
  Result<void> put(const Account& account, std::span<const Event> events);
  Result<void> erase(const std::string& name, const Event& event);

  // Keeps the newest 100,000.
  Result<void> append(std::span<const Event> events);
  // Newest first.
  [[nodiscard]] Result<std::vector<Event>> events(const std::optional<std::string>& account, int limit);

  // One that is there already is written over. Keeps the newest 1,000.
  Result<void> put(const Failure& failure);
  // Newest first.
  [[nodiscard]] Result<std::vector<Failure>> failures(int limit);

  // An online copy to `path`, an empty file, `pages` at a call; true when it is complete (not yet synced). Changes made
  // meanwhile are in it. An error ends the copy.
  Result<bool> copy_some(const std::string& path, int pages);
  [[nodiscard]] bool copying() const { return connection_ && connection_->copy; }
  // Another text after every change, whoever made it, and for every connection.
  [[nodiscard]] Result<std::string> version();
  // The copy of this database was found damaged.
  void suspect_damage();

 private:
  struct Copy {
    Copy(const std::string& path, SQLite::Database& from);
    SQLite::Database to;
    SQLite::Backup pages;
  };
  struct Connection {
    std::unique_ptr<SQLite::Database> database;
    std::unique_ptr<Copy> copy;  // ends before its database
    std::optional<std::string> read_only;
    bool damaged = false;
    int64_t serial = ++connections_made;
    static inline int64_t connections_made = 0;
  };

  template <class Work>
  auto reading(std::string_view what, Work&& work) -> Result<decltype(work())>;
  template <class Work>
  Result<void> changing(std::string_view what, Work&& work);
  void insert(std::span<const Event> events);
  [[nodiscard]] SQLite::Database& database() { return *connection_->database; }

  std::unique_ptr<Connection> connection_;
};

}  // namespace npanel
