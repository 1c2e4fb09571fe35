// SPDX-License-Identifier: Apache-2.0
// block_devices.h: on which devices does io.max apply?
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "model/device.h"

namespace npanel {

// "major:minor" of every block device with hardware behind it, sorted.
[[nodiscard]] std::vector<std::string> real_block_devices(const std::string& sys_block = "/sys/block");

// A device node, "/dev/nvme0n1". The service has a /dev of its own (PrivateDevices=), and the host's at `host_devices`.
// ENOENT: it is not there; ENOTBLK: it is no block device; EINVAL: it is a partition, for which the kernel has no
// io.max.
[[nodiscard]] Result<DeviceNumber> device_number(const std::string& node,
                                                 const std::string& host_devices = "/run/npanel/dev",
                                                 const std::string& sys = "/sys");

// "/dev/sda" when the device is a partition of it; nullopt: it is a whole one, or not there.
[[nodiscard]] std::optional<std::string> whole_of_partition(const DeviceNumber& device,
                                                            const std::string& sys = "/sys");

}  // namespace npanel
