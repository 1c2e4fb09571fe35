// SPDX-License-Identifier: Apache-2.0
#include "store/tokens.h"

#include <SQLiteCpp/Statement.h>

namespace npanel {

std::vector<Token> read_tokens(SQLite::Database& database) {
  std::vector<Token> tokens;
  SQLite::Statement row(database, "SELECT name, scope, hash, created_ms FROM token ORDER BY name");
  while (row.executeStep())
    tokens.push_back({.name = row.getColumn(0).getString(),
                      .scope = row.getColumn(1).getString() == "write" ? TokenScope::write : TokenScope::read,
                      .hash = row.getColumn(2).getString(),
                      .created_ms = row.getColumn(3).getInt64()});
  return tokens;
}

namespace {

// Who had a token of this name before is somebody else, to whom other answers were given.
void forget_answers_unless_rotated(SQLite::Database& database, const std::string& name) {
  SQLite::Statement row(
      database, "DELETE FROM idempotent_reply WHERE client = ? AND NOT EXISTS (SELECT 1 FROM token WHERE name = ?)");
  row.bind(1, actor_of_token(name));
  row.bind(2, name);
  row.exec();
}

}  // namespace

void write_token(SQLite::Database& database, const Token& token) {
  forget_answers_unless_rotated(database, token.name);
  SQLite::Statement row(database, "INSERT OR REPLACE INTO token (name, scope, hash, created_ms) VALUES (?, ?, ?, ?)");
  row.bind(1, token.name);
  row.bind(2, token.scope == TokenScope::write ? "write" : "read");
  row.bind(3, token.hash);
  row.bind(4, token.created_ms);
  row.exec();
}

void erase_token_row(SQLite::Database& database, const std::string& name) {
  SQLite::Statement row(database, "DELETE FROM token WHERE name = ?");
  row.bind(1, name);
  row.exec();
}

}  // namespace npanel
