// SPDX-License-Identifier: Apache-2.0
// config_versions.h: how do configurations that were in force stand in rows?
#pragma once

#include <SQLiteCpp/Database.h>

#include <cstdint>
#include <optional>
#include <vector>

#include "base/result.h"
#include "model/config_view.h"

namespace npanel {

// The files as the JSON object that a row holds. EINVAL (field "files") when a path or a text is not UTF-8.
[[nodiscard]] Result<std::string> files_as_json(const ConfigVersion& version);

// Each of these throws what SQLiteCpp throws.

// The new row's id, or the newest's when its files are the same. The newest 50 stay.
int64_t write_config_version(SQLite::Database& database, const ConfigVersion& version, const std::string& files);
[[nodiscard]] std::vector<ConfigVersion> read_config_versions(SQLite::Database& database, int limit);  // newest first
[[nodiscard]] std::optional<ConfigVersion> read_config_version(SQLite::Database& database, int64_t id);

}  // namespace npanel
