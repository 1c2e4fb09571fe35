// SPDX-License-Identifier: Apache-2.0
// replace.h: how is a damaged database exchanged for a good one, so that a power cut at any moment does no harm?
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <optional>
#include <string>

#include "base/result.h"

namespace npanel {

// Three steps: the replacement is made under a name of its own; approve_replacement() gives it a name that says
// "complete"; replace() moves the damaged files away and the approved one in. After a cut in the last step,
// finish_replacement() does the rest.
[[nodiscard]] std::string replacement_of(const std::string& path);
[[nodiscard]] Result<void> approve_replacement(const std::string& path);

// The name under which the old file and its -wal and -shm are kept, empty when there was none. The newest 5 sets stay.
[[nodiscard]] Result<std::string> replace(const std::string& path, int64_t now_ms);

// True when there was something to finish.
[[nodiscard]] Result<bool> finish_replacement(const std::string& path, int64_t now_ms);
// The database is whole: whatever was prepared for it is out of date.
void forget_replacement(const std::string& path);

// Another process that has the database open (sqlite3 of an administrator). When it ends it removes "its" -wal by name:
// that would be the one of the new database.
[[nodiscard]] std::optional<pid_t> other_user_of(const std::string& path);

}  // namespace npanel
