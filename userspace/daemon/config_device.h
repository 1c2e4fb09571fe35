// SPDX-License-Identifier: Apache-2.0
// config_device.h: does a device node of the configuration name a partition?
#pragma once

#include <optional>
#include <string>

namespace npanel {

// "/dev/sda" for "/dev/sda1"; nullopt: it is a whole device, or none, or not there. The agent has the host's nodes at
// `host_devices`.
[[nodiscard]] std::optional<std::string> disk_of_partition(const std::string& node, const std::string& sys = "/sys",
                                                           const std::string& host_devices = "/run/npanel/dev");

}  // namespace npanel
