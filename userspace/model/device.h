// SPDX-License-Identifier: Apache-2.0
// device.h: which block device is it?
#pragma once

#include <compare>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace npanel {

// As the kernel numbers them, "259:0" in io.max, io.stat and /sys/dev/block.
struct DeviceNumber {
  uint32_t major = 0;
  uint32_t minor = 0;
  auto operator<=>(const DeviceNumber&) const = default;
};

[[nodiscard]] std::string to_string(const DeviceNumber& device);
// nullopt: not two numbers with a colon between them.
[[nodiscard]] std::optional<DeviceNumber> parse_device(std::string_view text);

}  // namespace npanel
