// SPDX-License-Identifier: Apache-2.0
#include "daemon/config_load.h"

#include <fcntl.h>

#include <algorithm>
#include <filesystem>
#include <optional>
#include <utility>

#include "base/directory.h"
#include "base/file.h"
#include "base/local_file.h"
#include "daemon/config_keys.h"
#include "daemon/config_layer.h"

namespace npanel {
namespace {

namespace fs = std::filesystem;

constexpr uintmax_t kLargestFile = 1 << 20;
constexpr const char* kBuiltIn = "built-in";

bool is_drop_in(std::string_view name) {
  return name.ends_with(".toml") && !name.starts_with('.');
}

// nullopt: there is no such file.
Result<std::optional<std::string>> read_if_there(const std::string& path) {
  std::error_code problem;
  const fs::file_status status = fs::status(path, problem);
  if (status.type() == fs::file_type::not_found) return std::nullopt;
  if (status.type() == fs::file_type::none) return errno_failure(path, problem.value());
  if (status.type() != fs::file_type::regular) return failure(path + " must be a regular file", EINVAL);
  const uintmax_t size = fs::file_size(path, problem);
  if (problem) return errno_failure(path, problem.value());
  if (size > kLargestFile) return failure(path + " must not be larger than 1 MiB", EFBIG);
  return NP_TRY(path.starts_with('/') ? read_local(path) : read_file_at(AT_FDCWD, path));
}

Result<std::string> read_required(const std::string& path) {
  const auto text = NP_TRY(read_if_there(path));
  if (!text) return errno_failure(path, ENOENT);
  return *text;
}

// Paths; none when there is no directory.
Result<std::vector<std::string>> drop_ins(const std::string& directory) {
  std::vector<std::string> found;
  const auto entries = entries_of(directory);
  if (!entries && entries.error().code != ENOENT) return errno_failure(directory, entries.error().code);
  if (!entries) return found;
  for (const DirectoryEntry& entry : *entries)
    if (is_drop_in(entry.name)) found.push_back(directory + "/" + entry.name);
  return found;
}

LoadedConfig built_in() {
  LoadedConfig loaded;
  for (const ConfigKey& key : config_keys())
    loaded.values.push_back({.key = key.name,
                             .now = {.value = key.shown(loaded.config), .origin = kBuiltIn},
                             .hidden = {},
                             .needs_restart = key.needs_restart});
  return loaded;
}

void put_above(LoadedConfig& loaded, const ConfigLayer& layer) {
  for (ConfigValue& value : loaded.values) {
    const auto origin = layer.origins.find(value.key);
    if (origin == layer.origins.end()) continue;
    const ConfigKey* key = find_config_key(value.key);
    key->copy(loaded.config, layer.values);
    ConfigValue::Source above{.value = key->shown(loaded.config), .origin = origin->second};
    value.hidden.insert(value.hidden.begin(), std::exchange(value.now, std::move(above)));
  }
}

// Where somebody said what does not fit: the key itself, or its neighbours when it has its built-in value.
std::string origin_of(const LoadedConfig& loaded, const std::string& key) {
  const std::string section = key.substr(0, key.rfind('.') + 1);
  std::string found = kBuiltIn;
  for (const ConfigValue& value : loaded.values) {
    if (!value.key.starts_with(section) || value.now.origin == kBuiltIn) continue;
    if (value.key == key) return value.now.origin;
    found = value.now.origin;
  }
  return found;
}

bool is_said(const LoadedConfig& loaded, const std::string& key) {
  return std::ranges::find(loaded.values, key, &ConfigValue::key)->now.origin != kBuiltIn;
}

// What nobody has said and is as another key says.
void follow(LoadedConfig& loaded) {
  for (ConfigValue& value : loaded.values) {
    const ConfigKey& key = *find_config_key(value.key);
    if (key.leader.empty() || is_said(loaded, value.key) || !is_said(loaded, key.leader)) continue;
    key.follow(loaded.config);
    value.hidden.insert(value.hidden.begin(),
                        std::exchange(value.now, {.value = key.shown(loaded.config), .origin = "as " + key.leader}));
  }
}

class Loading {
 public:
  void take(const Result<ConfigLayer>& layer) {
    if (layer)
      put_above(loaded_, *layer);
    else
      note(layer.error().text);
  }
  void note(const std::string& problem) { problems_ += (problems_.empty() ? "" : "; ") + problem; }

  Result<LoadedConfig> finish(ConfigFiles files) && {
    if (!problems_.empty()) return failure(problems_, EINVAL);
    follow(loaded_);
    if (const auto fits = check_together(loaded_.config); !fits)
      return std::unexpected(Error(fits.error()).within(origin_of(loaded_, fits.error().field)));
    loaded_.files = std::move(files);
    return std::move(loaded_);
  }

 private:
  LoadedConfig loaded_ = built_in();
  std::string problems_;
};

}  // namespace

std::string ConfigSources::drop_in_directory() const {
  return (file.ends_with(".toml") ? file.substr(0, file.size() - 5) : file) + ".d";
}

bool ConfigSources::is_ours(const std::string& path) const {
  const std::string directory = drop_in_directory() + "/";
  if (path == file) return true;
  if (!path.starts_with(directory)) return false;
  const std::string name = path.substr(directory.size());
  const bool plain = std::ranges::none_of(name, [](unsigned char c) { return c < ' ' || c == '/' || c == 0x7f; });
  return plain && is_drop_in(name);
}

Result<ConfigFiles> read_config_files(const ConfigSources& sources) {
  ConfigFiles files;
  if (sources.file_required) {
    files[sources.file] = NP_TRY(read_required(sources.file));
  } else if (auto text = NP_TRY(read_if_there(sources.file))) {
    files[sources.file] = std::move(*text);
  }
  for (const std::string& path : NP_TRY(drop_ins(sources.drop_in_directory())))
    files[path] = NP_TRY(read_required(path));
  return files;
}

Result<LoadedConfig> load_config(const ConfigSources& sources, ConfigFiles files) {
  Loading loading;
  if (const auto vendor = read_if_there(sources.vendor); !vendor)
    loading.note(vendor.error().text);
  else if (*vendor)
    loading.take(parse_layer(**vendor, sources.vendor));
  if (const auto file = files.find(sources.file); file != files.end())
    loading.take(parse_layer(file->second, file->first));
  for (const auto& [path, text] : files)
    if (path != sources.file) loading.take(parse_layer(text, path));
  for (const auto& [name, value] : sources.environment)
    if (is_config_variable(name)) loading.take(parse_variable(name, value));
  for (const std::string& assignment : sources.sets) loading.take(parse_set(assignment));
  return std::move(loading).finish(std::move(files));
}

Result<LoadedConfig> load_config(const ConfigSources& sources) {
  return load_config(sources, NP_TRY(read_config_files(sources)));
}

std::vector<std::string> changed_keys(const std::vector<ConfigValue>& before, const std::vector<ConfigValue>& after) {
  std::vector<std::string> changed;
  for (const ConfigValue& value : after) {
    const auto former = std::ranges::find(before, value.key, &ConfigValue::key);
    if (former == before.end() || former->now.value != value.now.value) changed.push_back(value.key);
  }
  return changed;
}

LoadedConfig until_restart(LoadedConfig fresh, const LoadedConfig& running) {
  for (ConfigValue& value : fresh.values) {
    const auto kept = std::ranges::find(running.values, value.key, &ConfigValue::key);
    if (!value.needs_restart || kept == running.values.end() || kept->now.value == value.now.value) continue;
    find_config_key(value.key)->copy(fresh.config, running.config);
    value = *kept;
  }
  return fresh;
}

}  // namespace npanel
