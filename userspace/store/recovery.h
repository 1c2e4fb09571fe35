// SPDX-License-Identifier: Apache-2.0
// recovery.h: what is done when the database is damaged, or the disk is full or read-only?
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "store/store.h"

namespace npanel {

struct Opened {
  Store store;
  std::optional<std::string> read_only;  // why changes are refused for now; nullopt: all is well
  std::vector<std::string> repairs;      // what was done about a damaged file, a sentence each, for log and events
  bool accounts_lost = false;            // the kernel may hold accounts that the store has not: leave these alone
};

// Opens and checks the database. A damaged file is kept aside as <path>.damaged-<UTC> (the newest 5 are) and replaced
// by what can be saved from it, else by the newest good backup, else by an empty one. When the disk does not let us,
// the store is a copy in memory that refuses changes, and the file stays as it is; `scratch` is a directory on a tmpfs
// where the copy is made. An error is only a database that is newer than this program, or of another build; then
// nothing is touched. No Store on `path` may be open in this process: close() it first.
[[nodiscard]] Result<Opened> open_or_recover(const std::string& path, const std::string& scratch);

// A Store wanted to be reopened: what it read is damaged, although a quick look had passed it. A mark beside the
// database makes every open look at all of it, until one has. It outlives the process, for that may take seconds.
void mark_suspect(const std::string& path);

// While changes are refused: is it worth calling open_or_recover again? nullopt when a file can be made and filled
// beside the database, else why not. Asks the disk, not SQLite; takes microseconds. The same condition as above:
// closing any descriptor of the file drops the locks of this process on it.
[[nodiscard]] std::optional<std::string> why_not_writable(const std::string& path);

}  // namespace npanel
