// SPDX-License-Identifier: Apache-2.0
// database.h: how is the SQLite file opened, and where do the library's exceptions stop?
#pragma once

#include <SQLiteCpp/Database.h>
#include <SQLiteCpp/Exception.h>

#include <memory>
#include <string>
#include <string_view>

#include "base/result.h"

namespace npanel {

// WAL with synchronous=FULL: what was acknowledged survives a power cut. One process, one connection.
[[nodiscard]] Result<std::unique_ptr<SQLite::Database>> open_database(const std::string& path);

// The same in two halves, for who wants to look at the file in between. The first writes nothing: no pragma of it
// changes the file, and a close leaves the -wal as it is (until keep_everything()).
[[nodiscard]] Result<std::unique_ptr<SQLite::Database>> open_untouched(const std::string& path);
[[nodiscard]] Result<void> keep_everything(SQLite::Database& database);

// For a look beside the agent: it may be running, and it may have died and left a -wal.
[[nodiscard]] Result<std::unique_ptr<SQLite::Database>> open_to_read(const std::string& path);

// A closed file that nobody writes (a backup): without a -wal, without a lock.
[[nodiscard]] Result<std::unique_ptr<SQLite::Database>> open_finished(const std::string& path);

// SQLite's refusal in words. The code is EUCLEAN when the file is damaged, ENOSPC, EDQUOT, EFBIG, EROFS or EIO when the
// disk refused, EAGAIN when somebody else holds the lock, EEXIST when something unique is there already,
// ENOTRECOVERABLE for the rest (a mistake in our SQL).
[[nodiscard]] Error explain(std::string_view what, const SQLite::Exception& problem, const SQLite::Database* database);

// The disk, or somebody's lock: it may work later, and the file is not to blame.
[[nodiscard]] bool is_disk_trouble(const Error& error);

// Runs `work`; an exception of SQLiteCpp becomes an Error that starts with `what`. `database`, when there is one yet,
// knows the errno behind an I/O error.
template <class Work>
auto catching(std::string_view what, Work&& work, const SQLite::Database* database = nullptr)
    -> Result<decltype(work())> {
  try {
    if constexpr (std::is_void_v<decltype(work())>) {
      work();
      return {};
    } else {
      return work();
    }
  } catch (const SQLite::Exception& problem) {
    return std::unexpected(explain(what, problem, database));
  }
}

}  // namespace npanel
