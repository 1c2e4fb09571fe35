// SPDX-License-Identifier: Apache-2.0
// config_rollback.h: how do the administrator's files become what they once were?
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "daemon/config_load.h"

namespace npanel {

struct FileChange {
  std::string path;
  std::optional<std::string> before;  // nullopt: there is no such file
  std::optional<std::string> after;   // nullopt: it is moved aside, to set_aside()

  bool operator==(const FileChange&) const = default;
};
[[nodiscard]] std::string set_aside(const std::string& path);  // "….toml.rolled-back", which is no drop-in

// From the files that are there to those that shall be; empty when they are the same. EINVAL when one that shall be is
// not the administrator's of `sources`: whoever keeps versions must not be able to have any other file written.
[[nodiscard]] Result<std::vector<FileChange>> rollback_changes(const ConfigSources& sources, const ConfigFiles& now,
                                                               const ConfigFiles& wanted);

// All of them or none: when one fails, those before it are undone. A file keeps its mode; a new one has 0644.
[[nodiscard]] Result<void> make_changes(const std::vector<FileChange>& changes);

// Goes on when one fails; the error names every one that did.
[[nodiscard]] Result<void> undo_changes(const std::vector<FileChange>& changes);

}  // namespace npanel
