// SPDX-License-Identifier: Apache-2.0
// block_devices.h: on which devices does io.max apply?
#pragma once

#include <string>
#include <vector>

#include "base/result.h"

namespace npanel {

// "major:minor" of every block device with hardware behind it (not loop, ram, zram, device mapper, md: their I/O
// arrives at a device of this list anyway), sorted.
[[nodiscard]] std::vector<std::string> real_block_devices(const std::string& sys_block = "/sys/block");

// "major:minor" of a device node, "/dev/nvme0n1". The service has a /dev of its own (PrivateDevices=), and the host's
// at `host_devices`.
[[nodiscard]] Result<std::string> device_number(const std::string& node,
                                                const std::string& host_devices = "/run/npanel/dev");

}  // namespace npanel
