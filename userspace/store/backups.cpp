// SPDX-License-Identifier: Apache-2.0
#include "store/backups.h"

#include <unistd.h>

#include <algorithm>
#include <utility>

#include "base/clock.h"
#include "base/file.h"
#include "store/check.h"
#include "store/database.h"
#include "store/files.h"

namespace npanel {
namespace {

constexpr size_t kKept = 8;
constexpr size_t kKeptBeforeMigrations = 2;
constexpr int kPagesAStep = 256;
constexpr int64_t kApartMs = 600'000;
constexpr int64_t kRestMs = 60'000;
constexpr const char* kPrefix = "npanel-";
constexpr const char* kBefore = "-before-";

std::string backups_of(const std::string& database_path) {
  return directory_of(database_path) + "/backups";
}

// Left over when the agent was killed in the middle; there is one agent.
std::string temporary_in(const std::string& directory) {
  return directory + "/.copying";
}

std::string in(const std::string& directory, std::string_view name) {
  return std::string(directory).append("/").append(name);
}

bool is_before_migration(const std::string& name) {
  return name.find(kBefore) != std::string::npos;
}

std::vector<std::string> copies_in(const std::string& directory) {
  std::vector<std::string> names = names_in(directory, kPrefix);
  std::erase_if(names, [](const std::string& name) { return !name.ends_with(".db"); });
  return names;
}

std::optional<int64_t> newest_ms(const std::string& directory) {
  const std::vector<std::string> names = copies_in(directory);
  return names.empty() ? std::nullopt : stamp_ms(names.back().substr(std::string_view(kPrefix).size()));
}

void prune(const std::string& directory) {
  size_t kept = 0;
  size_t kept_before = 0;
  std::vector<std::string> names = copies_in(directory);
  std::ranges::reverse(names);
  for (const std::string& name : names) {
    const bool keep = is_before_migration(name) ? ++kept_before <= kKeptBeforeMigrations : ++kept <= kKept;
    if (!keep) ::unlink(in(directory, name).c_str());
  }
}

Result<void> check_copy(const std::string& path) {
  NP_TRY(check_header(path));
  const auto copy = NP_TRY(open_finished(path));
  return check_pages(*copy, Look::quick);
}

// Fsync, check, rename: what bears a copy's name was good when it got it. A clock that was set back must not make an
// old copy look newest, so a name is always later than the last one.
Result<void> finish(const std::string& directory, int64_t now_ms, const std::string& suffix) {
  const std::string temporary = temporary_in(directory);
  NP_TRY(sync_file(temporary));
  NP_TRY(check_copy(temporary));
  const int64_t named_ms = std::max(now_ms, newest_ms(directory).value_or(0) + 1000);
  NP_TRY(move_file(temporary, directory + "/" + kPrefix + utc_stamp(named_ms) + suffix + ".db"));
  NP_TRY(sync_file(directory));
  prune(directory);
  return {};
}

}  // namespace

Backups::Backups(std::string database_path)
    : database_path_(std::move(database_path)),
      temporary_(temporary_in(backups_of(database_path_))),
      started_ms_(newest_ms(backups_of(database_path_))) {
  remove_database(temporary_);
}

std::vector<std::string> Backups::list(const std::string& database_path) {
  const std::string directory = backups_of(database_path);
  std::vector<std::string> paths;
  for (const std::string& name : copies_in(directory)) paths.push_back(in(directory, name));
  std::ranges::reverse(paths);
  return paths;
}

Result<bool> Backups::is_due(Store& store, int64_t now_ms) {
  if (std::exchange(asked_for_, false)) return true;
  if (now_ms < rest_until_ms_ && rest_until_ms_ - now_ms <= kRestMs) return false;
  // A clock that was set back makes the newest copy lie in the future.
  if (started_ms_ && now_ms >= *started_ms_ && now_ms - *started_ms_ < kApartMs) return false;
  return !started_ms_ || copied_ != NP_TRY(store.version());
}

Result<bool> Backups::go_on(Store& store, int64_t now_ms) {
  if (!store.copying()) {
    if (!NP_TRY(is_due(store, now_ms))) return false;
    NP_TRY(make_private_directory(directory_of(temporary_)));
    remove_database(temporary_);
    NP_TRY(make_empty_file(temporary_));
    copying_ = NP_TRY(store.version());
  }
  if (!NP_TRY(store.copy_some(temporary_, kPagesAStep))) return false;
  NP_TRY(finish(directory_of(temporary_), now_ms, ""));
  started_ms_ = now_ms;
  copied_ = copying_;
  return true;
}

void Backups::give_up(Store& store) {
  asked_for_ = false;
  store.stop_copying();
  remove_database(temporary_);
}

Result<bool> Backups::step(Store& store, int64_t now_ms) {
  if (store.read_only()) return false;
  auto finished = go_on(store, now_ms);
  if (finished) return finished;
  remove_database(temporary_);
  rest_until_ms_ = now_ms + kRestMs;
  if (finished.error().code != EUCLEAN) return finished;
  store.suspect_damage();
  return std::unexpected(
      std::move(finished.error()).within("the copy is damaged, so the database itself is; older copies stay"));
}

Result<void> back_up_before(const std::string& migration, SQLite::Database& database,
                            const std::string& database_path) {
  const std::string directory = backups_of(database_path);
  const std::string temporary = temporary_in(directory);
  NP_TRY(make_private_directory(directory));
  remove_database(temporary);
  NP_TRY(make_empty_file(temporary));
  NP_TRY(catching(
      "copy the database before " + migration,
      [&] {
        SQLite::Database copy(temporary, SQLite::OPEN_READWRITE);
        SQLite::Backup(copy, database).executeStep();
      },
      &database));
  return finish(directory, now_ms(), kBefore + migration);
}

}  // namespace npanel
