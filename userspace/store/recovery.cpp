// SPDX-License-Identifier: Apache-2.0
#include "store/recovery.h"

#include <SQLiteCpp/Backup.h>
#include <fcntl.h>
#include <unistd.h>

#include <filesystem>
#include <tuple>

#include "base/clock.h"
#include "base/file.h"
#include "store/backups.h"
#include "store/check.h"
#include "store/database.h"
#include "store/features.h"
#include "store/files.h"
#include "store/loss.h"
#include "store/migrate.h"
#include "store/replace.h"
#include "store/rows.h"
#include "store/salvage.h"
#include "store/wal.h"

namespace npanel {
namespace {

using Handle = std::unique_ptr<SQLite::Database>;

std::string mark_of(const std::string& path) {
  return path + ".suspect";
}

struct Site {
  std::string path;
  std::vector<std::string> backups;  // newest first
  bool may_be_new;                   // a file without tables is the first start, not damage
  bool is_live;                      // the database itself, not a copy of it
  Look look = Look::quick;
};

struct Sound {
  Handle database;
  std::vector<std::string> repairs;
  bool accounts_lost = false;
};

// What SQLite cannot do with a file, other than for the disk's sake, is the file's fault.
template <class T>
Result<T> or_damage(Result<T> result) {
  if (!result && result.error().code == ENOTRECOVERABLE) result.error().code = EUCLEAN;
  return result;
}

Result<void> check_accounts(SQLite::Database& database) {
  const AccountRows rows =
      NP_TRY(or_damage(catching("read accounts", [&] { return read_accounts(database); }, &database)));
  if (rows.refused.empty()) return {};
  const auto& [name, why] = rows.refused.front();
  return failure("account \"" + name + "\" in the database: " + why.text, EUCLEAN);
}

Result<void> bring_up_to_date(const Site& site, SQLite::Database& database, size_t seen) {
  const auto pending = built_in_migrations().subspan(seen);
  if (site.is_live && seen > 0 && !pending.empty()) NP_TRY(back_up_before(pending.front().name, database, site.path));
  return migrate(database, built_in_migrations());
}

// First what writes nothing, so that a damaged file is kept as it was found, and a newer one is not touched.
Result<Handle> open_whole(const Site& site) {
  if (!site.may_be_new && !exists(site.path)) return failure(site.path + " is missing", EUCLEAN);
  NP_TRY(check_header(site.path));
  const auto wal = check_wal(site.path);
  Handle database = NP_TRY(or_damage(open_untouched(site.path)));
  const bool has_any = NP_TRY(or_damage(has_tables(*database)));
  if (!has_any && !site.may_be_new) return failure(site.path + " is empty", EUCLEAN);
  const size_t seen = has_any ? NP_TRY(or_damage(migrations_seen(*database, built_in_migrations()))) : 0;
  // The first start may have been cut short after it made the record and before it made the tables.
  if (has_any && seen == 0 && (!site.may_be_new || NP_TRY(has_account_table(*database))))
    return failure("the database is damaged: it records no migration", EUCLEAN);
  NP_TRY(wal);
  NP_TRY(or_damage(check_pages(*database, site.look)));
  NP_TRY(keep_everything(*database));
  NP_TRY(bring_up_to_date(site, *database, seen));
  NP_TRY(or_damage(check_schema(*database)));
  NP_TRY(check_accounts(*database));
  return database;
}

struct Replacement {
  std::string sentence;
  bool accounts_lost;
};

// The disk would refuse every other attempt as well.
bool cannot_write(const Error& error) {
  return error.code == ENOSPC || error.code == EDQUOT || error.code == EFBIG || error.code == EROFS;
}

Replacement describe(const Salvage& saved) {
  std::string text = "its " + std::to_string(saved.accounts) + " accounts, " + std::to_string(saved.events) +
                     " events and " + std::to_string(saved.audit) +
                     " entries of the audit trail were saved from the damaged file itself";
  for (const std::string& name : saved.from_backup) text += "; account " + name + " is as in the newest backup";
  for (const std::string& name : saved.lost) text += "; account " + name + " is lost";
  return {text, !saved.lost.empty()};
}

Result<Replacement> from_salvage(const Site& site, const std::string& to, bool also_if_older) {
  remove_database(to);
  const Salvage saved = NP_TRY(salvage(site.path, to, site.backups));
  if (!also_if_older && !site.backups.empty() && last_event_in(site.backups.front()) > saved.last_event)
    return failure("the newest backup is newer", ESTALE);  // changes in the -wal were lost
  return describe(saved);
}

Result<Replacement> from_backup(const std::string& backup, const std::string& to) {
  remove_database(to);
  NP_TRY(copy_file(backup, to));
  NP_TRY(open_whole({.path = to, .backups = {}, .may_be_new = false, .is_live = false}));
  return Replacement{"restored from " + backup + "; what was changed since is lost", true};
}

Result<void> lose_no_limit(SQLite::Database& empty) {
  return catching("switch the limits on", [&] { switch_limits_on(empty); }, &empty);
}

Result<Replacement> from_nothing(const std::string& to) {
  remove_database(to);
  const Handle empty = NP_TRY(open_database(to));
  NP_TRY(migrate(*empty, built_in_migrations()));
  NP_TRY(lose_no_limit(*empty));
  return Replacement{"there is no good backup, so the database begins empty; limits in the kernel stay in force", true};
}

// The file's own accounts are newer than any backup's, and a damaged page mostly holds events: so it comes first, but
// only when the table of accounts is whole. Then the newest backup that passes every check.
Result<Replacement> make_replacement(const Site& site, const std::string& to) {
  if (auto made = from_salvage(site, to, false); made || cannot_write(made.error())) return made;
  for (const std::string& backup : site.backups)
    if (auto made = from_backup(backup, to); made || cannot_write(made.error())) return made;
  if (auto made = from_salvage(site, to, true); made || cannot_write(made.error())) return made;
  return from_nothing(to);
}

// Before the damaged file goes: its successor is whole, and says nothing of it.
Result<void> remember_new_loss(const std::string& path) {
  AccountLoss loss = remembered_loss(path).value_or(AccountLoss{});
  loss.found_ms = now_ms();
  loss.taken_over = false;
  return remember_loss(path, loss);
}

Result<Sound> repair(const Site& site, const Error& why) {
  if (const auto pid = other_user_of(site.path))
    return failure(site.path + " is damaged (" + why.text + "), and process " + std::to_string(*pid) +
                       " has it open: the repair waits for its end",
                   EAGAIN);
  const Replacement made = NP_TRY(make_replacement(site, replacement_of(site.path)));
  if (site.is_live && made.accounts_lost) NP_TRY(remember_new_loss(site.path));
  NP_TRY(approve_replacement(site.path));
  const std::string kept = NP_TRY(replace(site.path, now_ms()));
  Handle database = NP_TRY(open_whole({.path = site.path, .backups = {}, .may_be_new = false, .is_live = false}));
  Sound sound{.database = std::move(database), .repairs = {why.text}, .accounts_lost = made.accounts_lost};
  if (site.is_live && !kept.empty()) sound.repairs.push_back("the damaged file is kept as " + kept);
  sound.repairs.push_back("database: " + made.sentence);
  return sound;
}

Result<Sound> open_or_repair(const Site& site) {
  auto whole = open_whole(site);
  if (whole) return Sound{.database = std::move(*whole), .repairs = {}};
  if (whole.error().code != EUCLEAN) return std::unexpected(std::move(whole.error()));
  return repair(site, whole.error());
}

Result<Sound> open_live(const std::string& path, Look look) {
  const bool finished = NP_TRY(finish_replacement(path, now_ms()));
  std::vector<std::string> backups = Backups::list(path);
  const bool may_be_new = backups.empty();
  Sound sound = NP_TRY(open_or_repair(
      {.path = path, .backups = std::move(backups), .may_be_new = may_be_new, .is_live = true, .look = look}));
  if (finished)
    sound.repairs.insert(sound.repairs.begin(), "a repair of the database that was interrupted is finished");
  forget_replacement(path);
  return sound;
}

Handle in_memory() {
  return std::make_unique<SQLite::Database>(":memory:", SQLite::OPEN_READWRITE | SQLite::OPEN_CREATE);
}

// The files of the copy would be in the way of the next one, so its content goes to memory, the audit trail with it.
Result<Handle> into_memory(SQLite::Database& database) {
  return catching("copy the database into memory", [&] {
    Handle memory = in_memory();
    SQLite::Backup(*memory, database).executeStep();
    return memory;
  });
}

// Reads what there is to read: the file with its -wal, or else a backup.
Result<Sound> open_copy(const std::string& path, const std::string& directory, Look look) {
  const std::string copy = directory + "/npanel.db";
  if (copy_file(path, copy) && exists(path + "-wal") && !copy_file(path + "-wal", copy + "-wal"))
    remove_database(copy);  // half of it is not the database
  const bool read = exists(copy);
  Sound sound = NP_TRY(open_or_repair(
      {.path = copy, .backups = Backups::list(path), .may_be_new = false, .is_live = false, .look = look}));
  sound.database = NP_TRY(into_memory(*sound.database));
  sound.accounts_lost = sound.accounts_lost || !read;
  return sound;
}

Result<Sound> open_copy_in(const std::string& path, const std::string& scratch, Look look) {
  constexpr const char* kName = "database-";
  std::error_code ignored;
  const std::filesystem::path place(scratch);
  for (const std::string& old : names_in(scratch, kName)) std::filesystem::remove_all(place / old, ignored);
  std::string directory = place / (std::string(kName) + "XXXXXX");
  if (!::mkdtemp(directory.data())) return errno_failure("make " + directory, errno);
  auto sound = open_copy(path, directory, look);
  std::filesystem::remove_all(directory, ignored);
  return sound;
}

Result<Opened> serve_copy(const std::string& path, const std::string& scratch, Look look, const std::string& why) {
  auto copy = open_copy_in(path, scratch, look);
  if (!copy && copy.error().code == 0) return std::unexpected(std::move(copy.error()));  // newer, or of another build
  if (!copy) {
    Handle empty = in_memory();
    NP_TRY(migrate(*empty, built_in_migrations()));
    NP_TRY(lose_no_limit(*empty));
    copy = Sound{.database = std::move(empty), .repairs = {copy.error().text}, .accounts_lost = true};
  }
  return Opened{.store = Store(std::move(copy->database), why),
                .read_only = why,
                .repairs = std::move(copy->repairs),
                .accounts_lost = copy->accounts_lost};
}

// As an administrator would say it.
std::string in_words(const Error& why) {
  if (why.code == ENOSPC || why.code == EDQUOT) return "the disk is full (" + why.text + ")";
  if (why.code == EROFS) return "the file system is read-only (" + why.text + ")";
  return why.text;
}

}  // namespace

std::optional<std::string> why_not_writable(const std::string& path) {
  const auto said = [&](const Error& why) { return path + " cannot be written: " + in_words(why); };
  if (exists(path))
    if (const auto file = open_at(AT_FDCWD, path, O_RDWR); !file) return said(file.error());
  // What SQLite needs at once: a -shm of 32 KiB and some pages of -wal.
  constexpr size_t kRoomBytes = 1 << 16;
  const std::string probe = path + ".probe";
  const auto filled = make_filled_file(probe, kRoomBytes);
  ::unlink(probe.c_str());
  if (!filled) return said(filled.error());
  return std::nullopt;
}

Result<Opened> open_or_recover(const std::string& path, const std::string& scratch) {
  const Look look = exists(mark_of(path)) ? Look::full : Look::quick;
  if (const auto why = why_not_writable(path)) return serve_copy(path, scratch, look, *why);
  auto live = open_live(path, look);
  if (live) {
    ::unlink(mark_of(path).c_str());
    return Opened{.store = Store(std::move(live->database)),
                  .read_only = std::nullopt,
                  .repairs = std::move(live->repairs),
                  .accounts_lost = live->accounts_lost};
  }
  if (is_disk_trouble(live.error())) return serve_copy(path, scratch, look, live.error().text);
  return std::unexpected(std::move(live.error()));
}

void mark_suspect(const std::string& path) {
  std::ignore = make_empty_file(mark_of(path));  // on a full disk the next look is quick, and a read finds it again
}

}  // namespace npanel
