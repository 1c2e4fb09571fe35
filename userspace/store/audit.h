// SPDX-License-Identifier: Apache-2.0
// audit.h: how does the audit trail stand in rows, and how are they found again?
#pragma once

#include <SQLiteCpp/Database.h>
#include <SQLiteCpp/Statement.h>

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "model/audit.h"

namespace npanel {

// Each of these throws what SQLiteCpp throws.

// At the end of the chain (audit_chain.h); their own ids do not matter.
void write_audit(SQLite::Database& database, std::span<const AuditEntry> entries);

// Newest first by time, and by id within a millisecond: the clock may have been set back. A text is found as it is
// written, upper and lower case differ; that reads every row in the range of time, all else has an index.
[[nodiscard]] std::vector<AuditEntry> search_audit(SQLite::Database& database, const AuditQuery& query);

// Deletes what was there 730 days of lived time ago (model/lived_time.h), but for the newest 10,000; from the oldest
// row on, at most 10,000; how many. To be called once a day at least: each day's first call notes what is there.
size_t trim_audit_rows(SQLite::Database& database, int64_t lived_ms);

// A row of "SELECT <audit_columns()>, …".
[[nodiscard]] std::string audit_columns();
[[nodiscard]] AuditEntry audit_entry(SQLite::Statement& row);

}  // namespace npanel
