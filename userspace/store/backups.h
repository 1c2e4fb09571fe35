// SPDX-License-Identifier: Apache-2.0
// backups.h: where are the last good copies of the database, and when is the next one made?
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "store/store.h"

namespace npanel {

// The newest 8, 10 minutes apart while something changes, in <directory of the database>/backups/npanel-<UTC>.db.
class Backups {
 public:
  explicit Backups(std::string database_path);

  // A piece of work at each call, once a second: at most 256 pages (1 MiB); the last piece is fsync, check and rename.
  // True when a copy was finished. A copy that fails its check is removed, nothing older is, and the store wants
  // reopening: the error says that the database itself is damaged. Whatever failed is tried again after a minute.
  Result<bool> step(Store& store, int64_t now_ms);

  // A copy that is being made is dropped.
  void give_up(Store& store);
  // The next step begins a copy, though none is due.
  void ask_for_one() { asked_for_ = true; }

  // Paths, newest first.
  static std::vector<std::string> list(const std::string& database_path);

 private:
  Result<bool> go_on(Store& store, int64_t now_ms);
  Result<bool> is_due(Store& store, int64_t now_ms);

  std::string database_path_;
  std::string temporary_;
  std::optional<int64_t> started_ms_;  // the newest copy
  std::optional<std::string> copied_;  // its version of the database
  std::string copying_;
  int64_t rest_until_ms_ = 0;
  bool asked_for_ = false;
};

// All of it at once, before `migration` is applied: a failed upgrade can go back. Two of these are kept beside the 8.
[[nodiscard]] Result<void> back_up_before(const std::string& migration, SQLite::Database& database,
                                          const std::string& database_path);

}  // namespace npanel
