// SPDX-License-Identifier: Apache-2.0
// audit_chain.h: was the audit trail changed behind the agent's back?
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"
#include "model/audit.h"

namespace npanel {

// Each row carries the hash of itself and of the row before it. audit_base has the hash before the oldest row that is
// kept, audit_head the newest row's id and hash, written in the same transaction. Whoever is root can rewrite all of
// it: what they cannot change is a head that was noted elsewhere.
struct ChainLink {
  int64_t id = 0;
  std::string hash = {};
};

// Before the very first row.
inline const std::string kNoHash(64, '0');

// SHA-256 of `before` and then each field as a netstring ("3:bob,"; numbers in decimal), in the order id, at_ms, actor,
// source, action, account, target, before, after, result, duration_us, request_id; an account that is NULL is "-". 64
// hexadecimal digits.
[[nodiscard]] std::string chained_hash(std::string_view before, const AuditEntry& entry);

struct AuditProof {
  size_t entries = 0;
  std::optional<int64_t> first_ms = {};  // time of the oldest entry, and of the newest; nullopt: there is none
  std::optional<int64_t> last_ms = {};
  std::string head;  // the hash of the newest entry: worth noting where this server's root cannot change it
};

// Opens the file by itself, for reading, whether the agent runs or not; needs to be allowed to write beside it (-shm).
// EBADMSG says in words where the chain is broken first. With `noted`, a head of an earlier check, it is broken too
// when no entry has that hash any more: with it, nothing up to there was changed. Another code: it could not be looked
// at.
[[nodiscard]] Result<AuditProof> verify_audit(const std::string& path, const std::optional<std::string>& noted);

}  // namespace npanel
