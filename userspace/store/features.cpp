// SPDX-License-Identifier: Apache-2.0
#include "store/features.h"

#include <SQLiteCpp/Statement.h>

#include <algorithm>

namespace npanel {
namespace {

void read_overrides(SQLite::Database& database, std::vector<StoredFeature>& features) {
  SQLite::Statement row(database, "SELECT feature, account, enabled FROM feature_override");
  while (row.executeStep()) {
    const auto feature = std::ranges::find(features, row.getColumn(0).getString(), &StoredFeature::name);
    if (feature != features.end()) feature->overrides[row.getColumn(1).getString()] = row.getColumn(2).getInt() != 0;
  }
}

}  // namespace

std::vector<StoredFeature> read_features(SQLite::Database& database) {
  std::vector<StoredFeature> features;
  SQLite::Statement row(database, "SELECT name, enabled, mode, rollout, switched_off FROM feature_flags ORDER BY name");
  while (row.executeStep())
    features.push_back({.name = row.getColumn(0).getString(),
                        .enabled = row.getColumn(1).getInt() != 0,
                        .mode = row.getColumn(2).getString(),
                        .rollout = row.getColumn(3).getUInt(),
                        .switched_off = row.getColumn(4).getString()});
  read_overrides(database, features);
  return features;
}

void write_feature(SQLite::Database& database, const StoredFeature& feature) {
  SQLite::Statement row(database,
                        "INSERT OR REPLACE INTO feature_flags (name, enabled, mode, rollout, switched_off) "
                        "VALUES (?, ?, ?, ?, ?)");
  row.bind(1, feature.name);
  row.bind(2, feature.enabled ? 1 : 0);
  row.bind(3, feature.mode);
  row.bind(4, feature.rollout);
  row.bind(5, feature.switched_off);
  row.exec();
}

void write_override(SQLite::Database& database, const std::string& feature, const std::string& account,
                    std::optional<bool> enabled) {
  SQLite::Statement row(database,
                        enabled ? "INSERT OR REPLACE INTO feature_override (feature, account, enabled) VALUES (?, ?, ?)"
                                : "DELETE FROM feature_override WHERE feature = ? AND account = ?");
  row.bind(1, feature);
  row.bind(2, account);
  if (enabled) row.bind(3, *enabled ? 1 : 0);
  row.exec();
}

void erase_overrides_of(SQLite::Database& database, const std::string& account) {
  SQLite::Statement row(database, "DELETE FROM feature_override WHERE account = ?");
  row.bind(1, account);
  row.exec();
}

void switch_limits_on(SQLite::Database& database) {
  database.exec(
      "UPDATE feature_flags SET enabled = 1 "
      "WHERE name IN ('cgroups_isolation', 'email_rate_limiting', 'agent_watchdog')");
}

}  // namespace npanel
