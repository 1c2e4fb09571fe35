// SPDX-License-Identifier: Apache-2.0
// features.h: how do the switches stand in rows?
#pragma once

#include <SQLiteCpp/Database.h>

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

namespace npanel {

// As it stands there: the table is edited by hand too, so a name need not be one of ours.
struct StoredFeature {
  std::string name;
  bool enabled = false;
  std::string mode = "enforce";  // or observe
  uint32_t rollout = 100;        // percent of the accounts, 0 … 100
  std::string switched_off = {};
  std::map<std::string, bool, std::less<>> overrides = {};  // by account

  bool operator==(const StoredFeature&) const = default;
};

// Each of these throws what SQLiteCpp throws.
[[nodiscard]] std::vector<StoredFeature> read_features(SQLite::Database& database);  // by name
void write_feature(SQLite::Database& database, const StoredFeature& feature);        // without its overrides
// nullopt takes the override away.
void write_override(SQLite::Database& database, const std::string& feature, const std::string& account,
                    std::optional<bool> enabled);
void erase_overrides_of(SQLite::Database& database, const std::string& account);

// For a database whose switches are lost: what limits accounts is on, as after an upgrade from a version without them.
void switch_limits_on(SQLite::Database& database);

}  // namespace npanel
