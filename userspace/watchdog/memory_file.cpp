// SPDX-License-Identifier: Apache-2.0
#include "watchdog/memory_file.h"

#include <fcntl.h>

#include <nlohmann/json.hpp>

#include "base/file.h"

namespace npanel {

using Json = nlohmann::ordered_json;

RecoveryMemory read_memory(const std::string& path) {
  const auto text = read_file_at(AT_FDCWD, path);
  if (!text) return {};
  try {
    const Json json = Json::parse(*text);
    return {.restarts_unix_ms = json.at("restarts_unix_ms").get<std::deque<int64_t>>(),
            .gave_up_on = json.at("gave_up_on").get<std::string>(),
            .by_systemd = json.at("recovered_by_systemd").get<uint64_t>(),
            .by_watchdog = json.at("recovered_by_watchdog").get<uint64_t>(),
            .mode = parse_watchdog_mode(json.value("mode", "")).value_or(FeatureMode::off)};
  } catch (const Json::exception&) {
    return {};
  }
}

Result<void> write_memory(const std::string& path, const RecoveryMemory& memory) {
  const Json json{{"restarts_unix_ms", memory.restarts_unix_ms},
                  {"gave_up_on", memory.gave_up_on},
                  {"recovered_by_systemd", memory.by_systemd},
                  {"recovered_by_watchdog", memory.by_watchdog},
                  {"mode", to_string(memory.mode)}};
  return replace_file(path, json.dump() + "\n");
}

}  // namespace npanel
