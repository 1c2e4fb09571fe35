// SPDX-License-Identifier: Apache-2.0
// lived_time.h: where is it kept how much time has really passed?
#pragma once

#include <SQLiteCpp/Database.h>

#include <optional>

#include "model/lived_time.h"

namespace npanel {

// Inside a transaction of the caller.
[[nodiscard]] std::optional<LivedMark> read_lived_mark(SQLite::Database& database);
void write_lived_mark(SQLite::Database& database, const LivedMark& mark);

}  // namespace npanel
