// SPDX-License-Identifier: Apache-2.0
// idempotent_replies.h: how do answers that may be asked for again stand in rows?
#pragma once

#include <SQLiteCpp/Database.h>

#include <cstdint>
#include <optional>
#include <string>

#include "model/idempotent_reply.h"

namespace npanel {

// Each of these throws what SQLiteCpp throws.

// One that is older than 24 hours is as good as gone.
[[nodiscard]] std::optional<IdempotentReply> read_idempotent_reply(SQLite::Database& database,
                                                                   const std::string& client, const std::string& key,
                                                                   int64_t now_ms);
// Before its answer is known. One that has an answer stays as it is.
void write_key(SQLite::Database& database, const IdempotentReply& unanswered);
// Of the others, those stay that are not 24 hours older than this one, and at most the newest 100,000.
void write_idempotent_reply(SQLite::Database& database, const IdempotentReply& answer);

}  // namespace npanel
