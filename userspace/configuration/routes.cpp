// SPDX-License-Identifier: Apache-2.0
// routes.cpp: which configuration is in force, and which were?
#include "base/clock.h"
#include "configuration/configuration.h"

namespace npanel {
namespace {

constexpr uint64_t kVersions = 20;

Json encode(const ConfigValue::Source& source) {
  return {{"value", source.value}, {"origin", source.origin}};
}

Json encode(const ConfigValue& value) {
  Json hidden = Json::array();
  for (const ConfigValue::Source& source : value.hidden) hidden.push_back(encode(source));
  return {{"key", value.key},
          {"value", value.now.value},
          {"origin", value.now.origin},
          {"hidden", std::move(hidden)},
          {"needs_restart", value.needs_restart}};
}

// `files`: their paths, or paths and texts.
Json encode(const ConfigVersion& version, Json files) {
  return {{"id", version.id}, {"time", utc_time(version.at_ms)}, {"actor", version.actor}, {"files", std::move(files)}};
}

Result<Response> show_config(Configuration& configuration, const Call&) {
  Json values = Json::array();
  for (const ConfigValue& value : configuration.values()) values.push_back(encode(value));
  const auto newest = NP_TRY(configuration.versions(1));
  return ok({{"version", newest.empty() ? Json(nullptr) : Json(newest.front().id)}, {"values", std::move(values)}});
}

Result<Response> list_versions(Configuration& configuration, const Call& call) {
  NP_TRY(only_parameters(call.query, {"limit"}));
  const uint64_t limit = NP_TRY(limit_in(call.query)).value_or(kVersions);
  Json list = Json::array();
  for (const ConfigVersion& version : NP_TRY(configuration.versions(static_cast<int>(limit)))) {
    Json paths = Json::array();
    for (const auto& [path, text] : version.files) paths.push_back(path);
    list.push_back(encode(version, std::move(paths)));
  }
  return ok({{"versions", std::move(list)}});
}

Result<Response> show_version(Configuration& configuration, const Call& call) {
  const int64_t id = NP_TRY(id_in_path(call.name));
  const ConfigVersion version = NP_TRY(configuration.version(id));
  Json files = Json::object();
  for (const auto& [path, text] : version.files) files[path] = text;
  return ok(encode(version, std::move(files)));
}

Result<Response> on_reload(Configuration& configuration, const Call& call) {
  const ReloadReport report = NP_TRY(configuration.reload(call.caller));
  return ok({{"version", report.version}, {"changed", report.changed}, {"needs_restart", report.needs_restart}});
}

}  // namespace

std::vector<Route> Configuration::routes() {
  Configuration& configuration = *this;
  return {
      {.method = "GET",
       .path = "/api/v1/config",
       .handler = over(configuration, show_config),
       .feature = NP_CONFIG_LAYERING},
      {.method = "GET",
       .path = "/api/v1/config/versions",
       .handler = over(configuration, list_versions),
       .feature = NP_CONFIG_LAYERING},
      {.method = "GET",
       .path = "/api/v1/config/versions/*",
       .handler = over(configuration, show_version),
       .feature = NP_CONFIG_LAYERING},
      {.method = "POST",
       .path = "/api/v1/reload",
       .handler = over(configuration, on_reload),
       .action = "config.reload",
       .feature = NP_GRACEFUL_RELOADS},
  };
}

}  // namespace npanel
