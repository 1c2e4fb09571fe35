// SPDX-License-Identifier: Apache-2.0
// mount_table.h: what is mounted where, as proc(5) tells it of mountinfo?
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "model/device.h"

namespace npanel {

struct Mount {
  DeviceNumber device;  // major 0: the file system has no device, or more than one
  std::string at;
  std::string type;
  std::string source;   // "/dev/sda1", "server:/export"
  std::string options;  // of the file system: "rw,lowerdir=…,upperdir=…"
  bool writable = false;

  // The value of "upperdir" in the options.
  [[nodiscard]] std::optional<std::string> option(std::string_view name) const;
};

// In the order of the file; a line that is not of this kind is left out.
[[nodiscard]] std::vector<Mount> parse_mounts(std::string_view mountinfo);

// The mount that a path is on: the one nearest to it, of two at one place the later one. nullptr: there is none.
[[nodiscard]] const Mount* mount_of(const std::vector<Mount>& mounts, std::string_view path);

// Is `path` the directory, or below it?
[[nodiscard]] bool is_below(std::string_view path, std::string_view directory);

}  // namespace npanel
