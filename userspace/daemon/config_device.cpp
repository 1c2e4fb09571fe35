// SPDX-License-Identifier: Apache-2.0
#include "daemon/config_device.h"

#include <filesystem>

namespace npanel {

namespace fs = std::filesystem;

std::optional<std::string> disk_of_partition(const std::string& node, const std::string& sys,
                                             const std::string& host_devices) {
  // "/dev/disk/by-id/…-part1" is a link to "../../sda1", here as there.
  std::error_code failed;
  fs::path device = fs::canonical(host_devices / fs::path(node).lexically_relative("/dev"), failed);
  if (failed) device = fs::weakly_canonical(node, failed);
  const fs::path entry = fs::canonical(fs::path(sys) / "class/block" / device.filename(), failed);
  if (failed || !fs::exists(entry / "partition", failed)) return std::nullopt;
  return "/dev/" + entry.parent_path().filename().string();
}

}  // namespace npanel
