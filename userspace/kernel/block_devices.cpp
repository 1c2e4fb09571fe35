// SPDX-License-Identifier: Apache-2.0
#include "kernel/block_devices.h"

#include <sys/stat.h>
#include <sys/sysmacros.h>

#include <algorithm>
#include <filesystem>
#include <string_view>

#include "base/file.h"
#include "base/parse.h"

namespace npanel {

std::vector<std::string> real_block_devices(const std::string& sys_block) {
  std::vector<std::string> numbers;
  std::error_code none;
  for (const auto& entry : std::filesystem::directory_iterator(sys_block, none)) {
    if (!std::filesystem::exists(entry.path() / "device", none)) continue;
    if (const auto number = read_file_at(AT_FDCWD, entry.path() / "dev")) numbers.emplace_back(trim(*number));
  }
  std::ranges::sort(numbers);
  return numbers;
}

Result<std::string> device_number(const std::string& node, const std::string& host_devices) {
  constexpr std::string_view kDev = "/dev/";
  struct stat status{};
  const bool at_host =
      node.starts_with(kDev) && ::stat((host_devices + "/" + node.substr(kDev.size())).c_str(), &status) == 0;
  if (!at_host && ::stat(node.c_str(), &status) != 0) return errno_failure(node, errno);
  if (!S_ISBLK(status.st_mode)) return failure(node + " is not a block device", ENOTBLK);
  return std::to_string(major(status.st_rdev)) + ":" + std::to_string(minor(status.st_rdev));
}

}  // namespace npanel
