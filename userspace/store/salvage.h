// SPDX-License-Identifier: Apache-2.0
// salvage.h: what can be saved from a damaged database?
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/result.h"

namespace npanel {

struct Salvage {
  size_t accounts = 0;
  size_t events = 0;
  size_t audit = 0;                      // entries of the audit trail
  std::vector<std::string> from_backup;  // accounts whose own row was no longer valid
  std::vector<std::string> lost;         // of these no backup has a valid row
  int64_t last_event = 0;                // its number: says which of two databases is newer
};

// Fills `to`, a new file, from the damaged database at `from`, which stays as it is. Only when the table of accounts is
// whole (then no account is missing from it); a row that is not valid is taken from the newest of `backups` that has
// it. Everything else is saved as far as it can be read; of the switches, what cannot is as in the newest backup, and
// without one the limits are on. Where entries of the audit trail are missing, its check says so afterwards.
[[nodiscard]] Result<Salvage> salvage(const std::string& from, const std::string& to,
                                      const std::vector<std::string>& backups);

// 0 when it cannot be read.
[[nodiscard]] int64_t last_event_in(const std::string& backup);

}  // namespace npanel
