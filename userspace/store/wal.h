// SPDX-License-Identifier: Apache-2.0
// wal.h: does the -wal still say everything that was acknowledged?
#pragma once

#include <string>

#include "base/result.h"

namespace npanel {

// SQLite reads a -wal up to its first bad frame and takes the rest for the torn end of a write: after a power cut that
// is right, in a damaged file it forgets acknowledged changes in silence. What tells them apart: a transaction is
// written only after the fsync of the one before, so behind the bad frame there is at most one that was never
// acknowledged. EUCLEAN when there are more, or when the header is bad. An absent or empty -wal is fine. Read it before
// SQLite does.
[[nodiscard]] Result<void> check_wal(const std::string& database_path);

}  // namespace npanel
