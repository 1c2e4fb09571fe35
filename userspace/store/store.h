// SPDX-License-Identifier: Apache-2.0
// store.h: what did the administrator say, and what happened?
#pragma once

#include <SQLiteCpp/Backup.h>
#include <SQLiteCpp/Database.h>

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "model/account.h"
#include "model/audit.h"
#include "model/config_view.h"
#include "model/event.h"
#include "model/failure.h"
#include "model/idempotent_reply.h"
#include "model/lived_time.h"
#include "model/token.h"
#include "store/features.h"
#include "store/mail_budgets.h"
#include "store/mail_decisions.h"

namespace npanel {

// What is told about a change.
struct Notes {
  std::vector<Event> events = {};
  std::vector<AuditEntry> audit = {};  // their ids do not matter

  [[nodiscard]] bool empty() const { return events.empty() && audit.empty(); }
};

// Each change is one transaction with its notes, on disk when the call returns. A change that the disk refuses leaves
// nothing behind, its error says why in words, and the next change simply tries again.
class Store {
 public:
  static Result<Store> open(const std::string& path);
  // Over a database that is open and has today's tables. With `read_only`, the reason, every change is refused (EROFS).
  explicit Store(std::unique_ptr<SQLite::Database> database, std::optional<std::string> read_only = std::nullopt);

  // Ends the connection; every later call is refused. To be called before the file is opened anew (with decisions): the
  // last connection to close removes the -wal by its name, which must not be the next one's.
  void close() { connection_.reset(); }
  // The file turned out to be damaged: close(), then open with decisions.
  [[nodiscard]] bool wants_reopening() const { return connection_ && connection_->damaged; }
  [[nodiscard]] bool read_only() const { return connection_ && connection_->read_only; }

  // EUCLEAN names the account whose row is not valid.
  [[nodiscard]] Result<std::vector<Account>> accounts();
  // EEXIST (field "uid") when another account has the uid.
  Result<void> put(const Account& account, const Notes& notes);
  // The same of the account that was called `from`; what is told of it (events), what was said about it alone and what
  // it has sent follow it. The audit trail stays as it is written.
  Result<void> rename(const std::string& from, const Account& account, const Notes& notes);
  // With what was said about it alone.
  Result<void> erase(const std::string& name, const Notes& notes);

  // What accounts have sent, as old as it is now; `now_ns` is in the time of np_mail_budget.
  [[nodiscard]] Result<std::vector<StoredBudget>> budgets(int64_t now_ms, uint64_t now_ns);
  Result<void> put(const std::vector<StoredBudget>& budgets, uint64_t now_ns);

  [[nodiscard]] Result<StoredMailDecisions> mail_decisions();
  Result<void> put(const std::string& account, const MailDecisions& decisions, const Notes& notes);

  // Notes of no other change. Of each kind an account keeps its newest 250 refusals, or 1,000 others.
  Result<void> append(const Notes& notes);
  // Newest first; `below_id` goes on after a page that ended with this id.
  [[nodiscard]] Result<std::vector<Event>> events(const std::optional<std::string>& account, int limit,
                                                  std::optional<int64_t> below_id = {});

  // One that is there already is written over. Keeps the newest 1,000.
  Result<void> put(const Failure& failure);
  // Newest first.
  [[nodiscard]] Result<std::vector<Failure>> failures(int limit);

  // The switches, whatever their names.
  [[nodiscard]] Result<std::vector<StoredFeature>> features();
  // Without its overrides. ENOTRECOVERABLE when the mode or the percentage is none.
  Result<void> put(const StoredFeature& feature, const Notes& notes);
  // nullopt takes it away. The account need not exist.
  Result<void> put_override(const std::string& feature, const std::string& account, std::optional<bool> enabled,
                            const Notes& notes);

  [[nodiscard]] Result<std::vector<AuditEntry>> audit(const AuditQuery& query);
  // Deletes events beyond the newest 100,000 refusals and 100,000 others, and of the audit trail what was there 730
  // days of lived time ago, but for the newest 10,000, and at most 10,000 a call: how many of these.
  Result<size_t> trim(int64_t lived_ms);

  [[nodiscard]] Result<std::optional<LivedMark>> lived_mark();
  Result<void> put(const LivedMark& mark);

  [[nodiscard]] Result<std::vector<Token>> tokens();
  Result<void> put(const Token& token, const Notes& notes);  // one of the same name is written over
  Result<void> erase_token(const std::string& name, const Notes& notes);

  // nullopt also when it is 24 hours old, of lived time.
  [[nodiscard]] Result<std::optional<IdempotentReply>> find(const std::string& client, const std::string& key,
                                                            int64_t lived_ms);
  Result<void> keep(const IdempotentReply& answer);

  // Its id, handed out here; that of the newest when the files are the same. Keeps the newest 50. EINVAL (field
  // "files") when a path or a text is not UTF-8.
  Result<int64_t> add(const ConfigVersion& version, const Notes& notes);
  // Newest first.
  [[nodiscard]] Result<std::vector<ConfigVersion>> config_versions(int limit);
  [[nodiscard]] Result<ConfigVersion> config_version(int64_t id);  // ENOENT

  // Another number when another connection (an administrator's sqlite3) has changed the database. Microseconds.
  [[nodiscard]] Result<int64_t> foreign_changes();

  // An online copy to `path`, an empty file, `pages` at a call; true when it is complete (not yet synced). Changes made
  // meanwhile are in it. An error ends the copy.
  Result<bool> copy_some(const std::string& path, int pages);
  void stop_copying();
  [[nodiscard]] bool copying() const { return connection_ && connection_->copy; }
  struct Pages {
    uint64_t done = 0, total = 0;
  };
  [[nodiscard]] Pages copied() const;
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
  auto changing(std::string_view what, const Notes& notes, Work&& work) -> Result<decltype(work())>;
  [[nodiscard]] SQLite::Database& database() { return *connection_->database; }

  std::unique_ptr<Connection> connection_;
};

}  // namespace npanel
