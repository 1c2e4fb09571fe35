// SPDX-License-Identifier: Apache-2.0
// config_view.h: which value is in force, and where does it come from?
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

namespace npanel {

// One key of the configuration.
struct ConfigValue {
  struct Source {
    std::string value;   // as TOML: "npanel" with its quotes, [25, 465]
    std::string origin;  // "built-in", "/etc/npanel/agent.toml:12", "environment NPANEL_SMTP_PORTS", "--set"
  };
  std::string key;             // "smtp.ports"
  Source now;                  // the one in force
  std::vector<Source> hidden;  // the layers below it that also said something, the nearest first
  bool needs_restart = false;  // a reload leaves it as it is
};

// What a reload did.
struct ReloadReport {
  int64_t version = 0;                     // of the configuration now in force
  std::vector<std::string> changed;        // keys, in force now
  std::vector<std::string> needs_restart;  // keys that changed on disk and wait for a restart
};

// A configuration that was in force: the administrator's own files, by path. They are what a rollback puts back.
struct ConfigVersion {
  int64_t id = 0;
  int64_t at_ms = 0;
  std::string actor;
  std::map<std::string, std::string> files;
};

}  // namespace npanel
