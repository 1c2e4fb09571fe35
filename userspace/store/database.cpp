// SPDX-License-Identifier: Apache-2.0
#include "store/database.h"

#include <fcntl.h>
#include <sqlite3.h>
#include <sys/stat.h>

#include "base/file.h"

namespace npanel {
namespace {

constexpr mode_t kMode = 0600;  // what customers have is nobody else's business
constexpr int kBusyMs = 1000;   // an administrator's sqlite3 may hold the lock for a moment

struct Cause {
  int code;
  std::string words;
};

Cause io_cause(int system_errno) {
  switch (system_errno) {
    case ENOSPC:
      return {ENOSPC, "the disk is full"};
    case EDQUOT:
      return {EDQUOT, "the disk quota is used up"};
    case EFBIG:
      return {EFBIG, "the file may not grow"};
    case EROFS:
      return {EROFS, "the file system is read-only"};
    case 0:
      return {EIO, "I/O error"};
    default:
      return {EIO, "I/O error, " + std::generic_category().message(system_errno)};
  }
}

Cause cause_of(const SQLite::Exception& problem, int system_errno) {
  const int detailed = problem.getExtendedErrorCode();
  if (detailed == SQLITE_CONSTRAINT_UNIQUE || detailed == SQLITE_CONSTRAINT_PRIMARYKEY) return {EEXIST, ""};
  constexpr int kPrimary = 0xff;  // the rest of an extended code says which operation it was
  switch (problem.getErrorCode() & kPrimary) {
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
      return {EUCLEAN, "the database is damaged"};
    case SQLITE_FULL:
      return {ENOSPC, "the disk is full"};
    case SQLITE_READONLY:
      return {EROFS, "the database is read-only"};
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
    case SQLITE_PROTOCOL:
      return {EAGAIN, "another program holds its lock"};
    case SQLITE_IOERR:
    case SQLITE_CANTOPEN:
    case SQLITE_PERM:
      return io_cause(system_errno);
    default:
      return {ENOTRECOVERABLE, ""};
  }
}

// The errno of the last operation that failed on the -wal or on the file itself, 0 when SQLite does not know it.
int errno_behind(const SQLite::Database* database) {
  if (!database) return 0;
  sqlite3* handle = database->getHandle();
  sqlite3_file* file = nullptr;
  int code = 0;
  for (const int which : {SQLITE_FCNTL_JOURNAL_POINTER, SQLITE_FCNTL_FILE_POINTER})
    if (code == 0 && sqlite3_file_control(handle, "main", which, &file) == SQLITE_OK && file && file->pMethods)
      file->pMethods->xFileControl(file, SQLITE_FCNTL_LAST_ERRNO, &code);
  return code != 0 ? code : sqlite3_system_errno(handle);
}

// What a file: URI takes as it is; the rest is percent-encoded.
std::string uri_path(std::string_view path) {
  std::string uri;
  for (const char c : path) {
    constexpr std::string_view kSpecial = "%?#";
    constexpr std::string_view kDigits = "0123456789ABCDEF";
    if (kSpecial.find(c) == std::string_view::npos) {
      uri += c;
      continue;
    }
    const auto byte = static_cast<unsigned char>(c);
    uri += {'%', kDigits[byte >> 4], kDigits[byte & 15]};
  }
  return uri;
}

void set_flag(SQLite::Database& database, int flag, bool on) {
  sqlite3_db_config(database.getHandle(), flag, on ? 1 : 0, nullptr);
}

// A damaged file may say anything: its schema may call no function, and a cell's size is looked at before it is used.
void distrust(SQLite::Database& database) {
  set_flag(database, SQLITE_DBCONFIG_DEFENSIVE, true);
  database.exec("PRAGMA trusted_schema = OFF");
  database.exec("PRAGMA cell_size_check = ON");
}

// SQLite would make the file as the umask says, and -wal and -shm like the file. A file that is there must not be
// opened for this: closing it would give up the locks that this process has on it.
void keep_private(const std::string& path) {
  if (const auto made = open_at(AT_FDCWD, path, O_RDWR | O_CREAT | O_EXCL, kMode)) return;
  for (const char* part : {"", "-wal", "-shm", "-journal"}) {
    struct stat now{};
    const std::string file = path + part;
    if (::stat(file.c_str(), &now) == 0 && S_ISREG(now.st_mode) && (now.st_mode & ~kMode & 0777U) != 0)
      ::chmod(file.c_str(), kMode);
  }
}

}  // namespace

Error explain(std::string_view what, const SQLite::Exception& problem, const SQLite::Database* database) {
  const auto [code, words] = cause_of(problem, errno_behind(database));
  const std::string message = problem.what();
  return {.text = std::string(what) + ": " + (words.empty() ? message : words + " (" + message + ")"),
          .code = code,
          .field = {}};
}

bool is_disk_trouble(const Error& error) {
  return error.code != 0 && error.code != EUCLEAN && error.code != ENOTRECOVERABLE;
}

Result<std::unique_ptr<SQLite::Database>> open_untouched(const std::string& path) {
  keep_private(path);
  auto opened = NP_TRY(catching("open database " + path, [&] {
    auto database = std::make_unique<SQLite::Database>(path, SQLite::OPEN_READWRITE | SQLite::OPEN_CREATE, kBusyMs);
    set_flag(*database, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true);
    distrust(*database);
    return database;
  }));
  // SQLite falls back to reading in silence.
  if (sqlite3_db_readonly(opened->getHandle(), "main") == 1)
    return failure("open database " + path + ": it cannot be opened for writing", EROFS);
  return opened;
}

Result<void> keep_everything(SQLite::Database& database) {
  return catching(
      "open database",
      [&] {
        database.exec("PRAGMA journal_mode = WAL");
        database.exec("PRAGMA synchronous = FULL");
        database.exec("PRAGMA foreign_keys = ON");
        database.exec("BEGIN IMMEDIATE; ROLLBACK");  // without it, "may be read only" shows at the first change
        set_flag(database, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, false);
      },
      &database);
}

Result<std::unique_ptr<SQLite::Database>> open_database(const std::string& path) {
  auto database = NP_TRY(open_untouched(path));
  NP_TRY(keep_everything(*database));
  return database;
}

Result<std::unique_ptr<SQLite::Database>> open_to_read(const std::string& path) {
  return catching("open database " + path, [&] {
    auto database = std::make_unique<SQLite::Database>(path, SQLite::OPEN_READONLY, kBusyMs);
    distrust(*database);
    return database;
  });
}

Result<std::unique_ptr<SQLite::Database>> open_finished(const std::string& path) {
  return catching("open database " + path, [&] {
    auto database = std::make_unique<SQLite::Database>("file:" + uri_path(path) + "?immutable=1",
                                                       SQLite::OPEN_READONLY | SQLite::OPEN_URI);
    distrust(*database);
    return database;
  });
}

}  // namespace npanel
