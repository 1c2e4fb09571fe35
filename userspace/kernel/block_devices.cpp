// SPDX-License-Identifier: Apache-2.0
#include "kernel/block_devices.h"

#include <sys/stat.h>
#include <sys/sysmacros.h>

#include <algorithm>
#include <filesystem>
#include <string_view>

#include "base/directory.h"
#include "base/file.h"
#include "base/parse.h"

namespace npanel {

std::vector<std::string> real_block_devices(const std::string& sys_block) {
  std::vector<std::string> numbers;
  const auto entries = entries_of(sys_block);
  if (!entries) return numbers;
  std::error_code none;
  for (const DirectoryEntry& entry : *entries) {
    const std::filesystem::path disk = std::filesystem::path(sys_block) / entry.name;
    if (!std::filesystem::exists(disk / "device", none)) continue;
    if (const auto number = read_file_at(AT_FDCWD, disk / "dev")) numbers.emplace_back(trim(*number));
  }
  std::ranges::sort(numbers);
  return numbers;
}

std::optional<std::string> whole_of_partition(const DeviceNumber& device, const std::string& sys) {
  std::error_code failed;
  const auto directory = std::filesystem::canonical(sys + "/dev/block/" + to_string(device), failed);
  if (failed || !std::filesystem::exists(directory / "partition", failed)) return std::nullopt;
  return "/dev/" + directory.parent_path().filename().string();
}

Result<DeviceNumber> device_number(const std::string& node, const std::string& host_devices, const std::string& sys) {
  constexpr std::string_view kDev = "/dev/";
  struct stat status{};
  const bool at_host =
      node.starts_with(kDev) && ::stat((host_devices + "/" + node.substr(kDev.size())).c_str(), &status) == 0;
  if (!at_host && ::stat(node.c_str(), &status) != 0) return errno_failure(node, errno);
  if (!S_ISBLK(status.st_mode)) return failure(node + " is not a block device", ENOTBLK);
  const DeviceNumber number{.major = major(status.st_rdev), .minor = minor(status.st_rdev)};
  if (const auto whole = whole_of_partition(number, sys))
    return failure(node + " is a partition of " + *whole + ", and io.max takes whole devices", EINVAL);
  return number;
}

}  // namespace npanel
