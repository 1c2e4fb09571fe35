// SPDX-License-Identifier: Apache-2.0
// events.h: how do events and failures stand in rows?
#pragma once

#include <SQLiteCpp/Database.h>

#include <optional>
#include <span>
#include <string>
#include <vector>

#include "model/event.h"
#include "model/failure.h"

namespace npanel {

// Each of these throws what SQLiteCpp throws. Lists are newest first.
void write_events(SQLite::Database& database, std::span<const Event> events);
void trim_events(SQLite::Database& database);  // the newest 100,000 refusals stay, and so many of all else
[[nodiscard]] std::vector<Event> read_events(SQLite::Database& database, const std::optional<std::string>& account,
                                             int limit, std::optional<int64_t> below_id);

// One of the same time is written over. The newest 1,000 stay.
void write_failure(SQLite::Database& database, const Failure& failure);
[[nodiscard]] std::vector<Failure> read_failures(SQLite::Database& database, int limit);

}  // namespace npanel
