// SPDX-License-Identifier: Apache-2.0
#include "store/audit_chain.h"

#include <SQLiteCpp/Statement.h>
#include <SQLiteCpp/Transaction.h>

#include "base/digest.h"
#include "store/audit.h"
#include "store/database.h"
#include "store/files.h"

namespace npanel {
namespace {

std::unexpected<Error> broken(const std::string& where) {
  return failure("the audit trail is broken: " + where, EBADMSG);
}

std::string entry_number(int64_t id) {
  return "entry " + std::to_string(id);
}

// "entry 7" or "entries 7 to 9"
std::string entries(int64_t first, int64_t last) {
  return first == last ? entry_number(first) : "entries " + std::to_string(first) + " to " + std::to_string(last);
}

std::optional<ChainLink> link_in(SQLite::Database& database, const char* sql) {
  SQLite::Statement row(database, sql);
  if (!row.executeStep()) return std::nullopt;
  return ChainLink{.id = row.getColumn(0).getInt64(), .hash = row.getColumn(1).getString()};
}

Result<ChainLink> follow(const ChainLink& last, const AuditEntry& entry, std::string hash, bool is_first) {
  if (entry.id <= last.id)
    return broken(entry_number(entry.id) + " lies before the recorded beginning, entry " + std::to_string(last.id + 1));
  if (entry.id > last.id + 1)
    return broken(entries(last.id + 1, entry.id - 1) + (entry.id == last.id + 2 ? " is" : " are") + " missing" +
                  (is_first ? ", the oldest" : ""));
  if (chained_hash(last.hash, entry) == hash) return ChainLink{.id = entry.id, .hash = std::move(hash)};
  return broken(entry_number(entry.id) + " does not fit its hash: it was changed, or " +
                (is_first ? "the recorded hash before it, the oldest, was"
                          : entry_number(last.id) + " was, together with its hash"));
}

Result<void> check_head(const std::optional<ChainLink>& head, const ChainLink& last) {
  if (!head) return broken("the record of its newest entry is gone");
  if (head->id > last.id)
    return broken(entries(last.id + 1, head->id) + ", the newest, " + (head->id == last.id + 1 ? "is" : "are") +
                  " missing");
  if (head->id < last.id) return broken(entries(head->id + 1, last.id) + " was not written by the agent");
  if (head->hash != last.hash)
    return broken("the recorded hash of the newest entry is not that of entry " + std::to_string(last.id));
  return {};
}

Result<AuditProof> walk(SQLite::Database& database, const std::optional<std::string>& noted) {
  const SQLite::Transaction one_moment(database);
  const auto base = link_in(database, "SELECT first_id - 1, hash FROM audit_base");
  if (!base) return broken("the record of its beginning is gone");
  AuditProof proof;
  ChainLink last = *base;
  bool noted_seen = !noted || *noted == last.hash;
  SQLite::Statement row(database, "SELECT " + audit_columns() + ", hash FROM audit ORDER BY id");
  for (; row.executeStep(); ++proof.entries) {
    const AuditEntry entry = audit_entry(row);
    last = NP_TRY(follow(last, entry, row.getColumn(12).getString(), proof.entries == 0));
    noted_seen = noted_seen || *noted == last.hash;
    if (!proof.first_ms) proof.first_ms = entry.at_ms;
    proof.last_ms = entry.at_ms;
  }
  NP_TRY(check_head(link_in(database, "SELECT id, hash FROM audit_head"), last));
  if (!noted_seen)
    return broken("no entry has the noted hash " + *noted +
                  ": what was there was rewritten, or has passed its two years");
  proof.head = std::move(last.hash);
  return proof;
}

}  // namespace

std::string chained_hash(std::string_view before, const AuditEntry& entry) {
  std::string all(before);
  const auto add = [&all](const std::string& text) {
    all.append(std::to_string(text.size())).append(":").append(text).append(",");
  };
  add(std::to_string(entry.id));
  add(std::to_string(entry.at_ms));
  for (const std::string* text : {&entry.actor, &entry.source, &entry.action}) add(*text);
  if (entry.account)
    add(*entry.account);
  else
    all += '-';
  for (const std::string* text : {&entry.target, &entry.before, &entry.after, &entry.result}) add(*text);
  add(std::to_string(entry.duration_us));
  add(entry.request_id);
  return sha256_hex(all);
}

Result<AuditProof> verify_audit(const std::string& path, const std::optional<std::string>& noted) {
  if (!exists(path)) return errno_failure("open database " + path, ENOENT);
  const auto database = NP_TRY(open_to_read(path));
  return NP_TRY(catching("read the audit trail in " + path, [&] { return walk(*database, noted); }, database.get()));
}

}  // namespace npanel
