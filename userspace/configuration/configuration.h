// SPDX-License-Identifier: Apache-2.0
// configuration.h: which configuration is in force, and how does another one come?
#pragma once

#include <functional>
#include <map>
#include <string>
#include <vector>

#include "core/core.h"
#include "model/config_view.h"

namespace npanel {

class Configuration final : public Room {
 public:
  // `sources` are read again by a reload.
  Configuration(Core& core, const LoadedConfig& loaded, ConfigSources sources);

  // What the agent starts with is a version, too.
  void note_first(const ConfigFiles& files);
  // Called with each configuration that comes into force after the first, or when a user that it names is known.
  void on_change(std::function<void(const Config&)> tell) { tell_ = std::move(tell); }

  [[nodiscard]] const std::vector<ConfigValue>& values() const { return values_; }
  // EINVAL: the configuration on disk is wrong; the one in force stays.
  Result<ReloadReport> reload(const Caller& caller);
  // SIGHUP: when the feature is on; what is wrong with the files is in the log and the audit trail.
  void reload_by_signal();
  [[nodiscard]] Result<std::vector<ConfigVersion>> versions(int limit);  // newest first
  [[nodiscard]] Result<ConfigVersion> version(int64_t id);               // ENOENT

  [[nodiscard]] std::vector<Route> routes() override;
  void configured() override;

 private:
  Core& core_;
  ConfigSources sources_;
  std::vector<ConfigValue> values_;
  std::function<void(const Config&)> tell_ = [](const Config&) {};
};

}  // namespace npanel
