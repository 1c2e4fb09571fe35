// SPDX-License-Identifier: Apache-2.0
// tokens.h: how do the API's tokens stand in rows?
#pragma once

#include <SQLiteCpp/Database.h>

#include <string>
#include <vector>

#include "model/token.h"

namespace npanel {

// Each of these throws what SQLiteCpp throws.
[[nodiscard]] std::vector<Token> read_tokens(SQLite::Database& database);  // by name
// One of the same name is written over: its owner has a new secret. A new token sees no answer that was kept for its
// name.
void write_token(SQLite::Database& database, const Token& token);
void erase_token_row(SQLite::Database& database, const std::string& name);

}  // namespace npanel
