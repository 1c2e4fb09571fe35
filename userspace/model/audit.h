// SPDX-License-Identifier: Apache-2.0
// audit.h: who did what, when, and with which result?
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "model/idempotent_reply.h"

namespace npanel {

// Who asks for a change.
struct Caller {
  std::string actor;            // "uid 0 (root)", "token panel", "agent", "sqlite" (the database was edited directly)
  std::string source;           // "api", "cli" (npanelctl over the API), "agent", "database"
  std::string request_id = {};  // of the HTTP request; empty: none
  int64_t began_us = 0;         // CLOCK_MONOTONIC, when the request had come in
  bool root = false;            // uid 0 over the Unix socket
  std::optional<IdempotentReply> key = {};  // that came with the request, not answered yet
};

// One row of the audit trail. before, after: JSON texts, empty when there is none.
struct AuditEntry {
  int64_t id = 0;     // handed out by the store: 1, 2, 3 … without a gap
  int64_t at_ms = 0;  // since 1970-01-01 UTC
  std::string actor;
  std::string source;
  std::string action;  // "account.create", "feature.change", "token.revoke", "config.reload"
  std::optional<std::string> account = {};
  std::string target = {};  // what else it was about: a feature, a token, a job; empty: nothing
  std::string before = {};
  std::string after = {};
  std::string result = "ok";  // or why it was refused
  int64_t duration_us = 0;
  std::string request_id = {};
  std::optional<IdempotentReply> key = {};  // no part of the row: kept in the same transaction

  bool operator==(const AuditEntry&) const = default;
};

// Every condition that is there must hold. Newest first.
struct AuditQuery {
  std::optional<std::string> account = {};
  std::optional<std::string> actor = {};
  std::optional<std::string> action = {};  // "account.create", or "account." for all that starts so
  std::optional<std::string> text = {};    // somewhere in target, before, after or result
  std::optional<int64_t> from_ms = {};
  std::optional<int64_t> until_ms = {};  // before this moment
  std::optional<int64_t> below_id = {};  // goes on after a page that ended with this id
  int limit = 100;                       // 1 … 1000
};

}  // namespace npanel
