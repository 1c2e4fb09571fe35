// SPDX-License-Identifier: Apache-2.0
#include "store/config_versions.h"

#include <SQLiteCpp/Statement.h>

#include <nlohmann/json.hpp>

namespace npanel {
namespace {

using nlohmann::json;

constexpr int kKept = 50;
constexpr const char* kColumns = "id, at_ms, actor, files";

// A row that was edited by hand may hold anything: what is no text is no file.
std::map<std::string, std::string> files_in(const std::string& text) {
  std::map<std::string, std::string> files;
  const json object = json::parse(text, nullptr, false);
  if (!object.is_object()) return files;
  for (const auto& [path, content] : object.items())
    if (content.is_string()) files[path] = content.get<std::string>();
  return files;
}

ConfigVersion version_in(SQLite::Statement& row) {
  return {.id = row.getColumn(0).getInt64(),
          .at_ms = row.getColumn(1).getInt64(),
          .actor = row.getColumn(2).getString(),
          .files = files_in(row.getColumn(3).getString())};
}

}  // namespace

Result<std::string> files_as_json(const ConfigVersion& version) {
  std::string text = json(version.files).dump(-1, ' ', false, json::error_handler_t::replace);
  if (files_in(text) != version.files) return refused("files", "must be UTF-8, their paths too");
  return text;
}

int64_t write_config_version(SQLite::Database& database, const ConfigVersion& version, const std::string& files) {
  SQLite::Statement newest(database, "SELECT id, files FROM config_version ORDER BY id DESC LIMIT 1");
  if (newest.executeStep() && newest.getColumn(1).getString() == files) return newest.getColumn(0).getInt64();
  SQLite::Statement row(database, "INSERT INTO config_version (at_ms, actor, files) VALUES (?, ?, ?)");
  row.bind(1, version.at_ms);
  row.bind(2, version.actor);
  row.bind(3, files);
  row.exec();
  const int64_t id = database.getLastInsertRowid();
  SQLite::Statement trim(database,
                         "DELETE FROM config_version WHERE id <= (SELECT id FROM config_version ORDER BY id DESC "
                         "LIMIT 1 OFFSET ?)");
  trim.bind(1, kKept);
  trim.exec();
  return id;
}

std::vector<ConfigVersion> read_config_versions(SQLite::Database& database, int limit) {
  SQLite::Statement rows(database, std::string("SELECT ") + kColumns + " FROM config_version ORDER BY id DESC LIMIT ?");
  rows.bind(1, limit);
  std::vector<ConfigVersion> versions;
  while (rows.executeStep()) versions.push_back(version_in(rows));
  return versions;
}

std::optional<ConfigVersion> read_config_version(SQLite::Database& database, int64_t id) {
  SQLite::Statement row(database, std::string("SELECT ") + kColumns + " FROM config_version WHERE id = ?");
  row.bind(1, id);
  if (!row.executeStep()) return std::nullopt;
  return version_in(row);
}

}  // namespace npanel
