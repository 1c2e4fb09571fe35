// SPDX-License-Identifier: Apache-2.0
#include "store/replace.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <set>
#include <string_view>

#include "base/file.h"
#include "store/files.h"

namespace npanel {
namespace {

constexpr const char* kDamaged = ".damaged-";
constexpr const char* kParts[] = {"", "-wal", "-shm", "-journal"};
constexpr size_t kSetsKept = 5;

std::string approved_of(const std::string& path) {
  return path + ".approved";
}

bool any_part_exists(const std::string& path) {
  return std::ranges::any_of(kParts, [&](const char* part) { return exists(path + part); });
}

// "npanel.db.damaged-20261122T194000Z-wal" is of the set without its last word.
std::string set_of(std::string name) {
  for (const std::string_view part : kParts)
    if (!part.empty() && name.ends_with(part)) return name.substr(0, name.size() - part.size());
  return name;
}

std::set<std::string> sets_of(const std::string& path) {
  std::set<std::string> sets;
  for (const std::string& name : names_in(directory_of(path), path.substr(path.rfind('/') + 1) + kDamaged))
    sets.insert(directory_of(path) + "/" + set_of(name));
  return sets;
}

// Later than the last one, though the clock was set back or the second is the same: the oldest are the first to go.
std::string next_set(const std::string& path, int64_t now_ms) {
  const std::set<std::string> sets = sets_of(path);
  const std::string last = sets.empty() ? "" : sets.rbegin()->substr(sets.rbegin()->rfind(kDamaged));
  const auto last_ms = last.empty() ? std::nullopt : stamp_ms(last.substr(std::string_view(kDamaged).size()));
  return path + kDamaged + utc_stamp(std::max(now_ms, last_ms.value_or(0) + 1000));
}

void prune(const std::string& path) {
  std::set<std::string> sets = sets_of(path);
  for (; sets.size() > kSetsKept; sets.erase(sets.begin())) remove_database(*sets.begin());
}

}  // namespace

std::string replacement_of(const std::string& path) {
  return path + ".replacement";
}

Result<void> approve_replacement(const std::string& path) {
  NP_TRY(sync_file(replacement_of(path)));
  NP_TRY(move_file(replacement_of(path), approved_of(path)));
  return sync_file(directory_of(path));
}

Result<std::string> replace(const std::string& path, int64_t now_ms) {
  const bool had_any = any_part_exists(path);
  const std::string kept = next_set(path, now_ms);
  for (const char* part : kParts) NP_TRY(move_file(path + part, kept + part));
  NP_TRY(move_file(approved_of(path), path));
  NP_TRY(sync_file(directory_of(path)));
  prune(path);
  return had_any ? kept : "";
}

Result<bool> finish_replacement(const std::string& path, int64_t now_ms) {
  if (exists(path) || !exists(approved_of(path))) return false;
  NP_TRY(replace(path, now_ms));
  return true;
}

void forget_replacement(const std::string& path) {
  remove_database(replacement_of(path));
  ::unlink(approved_of(path).c_str());
}

std::optional<pid_t> other_user_of(const std::string& path) {
  constexpr off_t kPendingByte = 0x40000000;  // sqlite3: os.h; a reader's lock is in the 510 bytes from + 2 on
  const auto file = open_at(AT_FDCWD, path, O_RDONLY);
  if (!file) return std::nullopt;
  struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = kPendingByte, .l_len = 512, .l_pid = 0};
  if (::fcntl(file->get(), F_GETLK, &lock) != 0 || lock.l_type == F_UNLCK) return std::nullopt;
  return lock.l_pid;
}

}  // namespace npanel
