// SPDX-License-Identifier: Apache-2.0
#include "store/idempotent_replies.h"

#include <SQLiteCpp/Statement.h>

#include <nlohmann/json.hpp>

namespace npanel {
namespace {

constexpr int64_t kKeptMs = 24LL * 3600 * 1000;
constexpr int kMostKept = 100'000;

// An array of [name, value].
std::string text_of(const decltype(IdempotentReply::headers)& headers) {
  return nlohmann::json(headers).dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

// What is not ours has none.
decltype(IdempotentReply::headers) headers_in(const std::string& text) {
  decltype(IdempotentReply::headers) headers;
  const auto list = nlohmann::json::parse(text, nullptr, false);
  if (!list.is_array()) return headers;
  for (const auto& pair : list)
    if (pair.is_array() && pair.size() == 2 && pair[0].is_string() && pair[1].is_string())
      headers.emplace_back(pair[0].get<std::string>(), pair[1].get<std::string>());
  return headers;
}

void trim(SQLite::Database& database, int64_t now_ms) {
  SQLite::Statement old(database, "DELETE FROM idempotent_reply WHERE at_ms <= ?");
  old.bind(1, now_ms - kKeptMs);
  old.exec();
  SQLite::Statement many(database,
                         "DELETE FROM idempotent_reply WHERE rowid <= (SELECT max(rowid) FROM idempotent_reply) - ?");
  many.bind(1, kMostKept);
  many.exec();
}

}  // namespace

std::optional<IdempotentReply> read_idempotent_reply(SQLite::Database& database, const std::string& client,
                                                     const std::string& key, int64_t now_ms) {
  SQLite::Statement row(database,
                        "SELECT fingerprint, at_ms, status, body, headers FROM idempotent_reply WHERE client = ? AND "
                        "key = ? AND at_ms > ?");
  row.bind(1, client);
  row.bind(2, key);
  row.bind(3, now_ms - kKeptMs);
  if (!row.executeStep()) return std::nullopt;
  return IdempotentReply{.client = client,
                         .key = key,
                         .fingerprint = row.getColumn(0).getString(),
                         .at_ms = row.getColumn(1).getInt64(),
                         .status = row.getColumn(2).getInt(),
                         .body = row.getColumn(3).getString(),
                         .headers = headers_in(row.getColumn(4).getString())};
}

namespace {

void write_row(SQLite::Database& database, const std::string& verb, const IdempotentReply& answer) {
  SQLite::Statement row(database, verb +
                                      " INTO idempotent_reply (client, key, fingerprint, at_ms, status, body, headers) "
                                      "VALUES (?, ?, ?, ?, ?, ?, ?)");
  row.bind(1, answer.client);
  row.bind(2, answer.key);
  row.bind(3, answer.fingerprint);
  row.bind(4, answer.at_ms);
  row.bind(5, answer.status);
  row.bind(6, answer.body);
  row.bind(7, text_of(answer.headers));
  row.exec();
}

}  // namespace

void write_key(SQLite::Database& database, const IdempotentReply& unanswered) {
  trim(database, unanswered.at_ms);  // first: one of yesterday is not in the way
  write_row(database, "INSERT OR IGNORE", unanswered);
}

void write_idempotent_reply(SQLite::Database& database, const IdempotentReply& answer) {
  write_row(database, "INSERT OR REPLACE", answer);
  trim(database, answer.at_ms);
}

}  // namespace npanel
