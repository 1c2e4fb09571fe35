// SPDX-License-Identifier: Apache-2.0
#include "model/device.h"

#include <limits>

#include "base/parse.h"

namespace npanel {

std::string to_string(const DeviceNumber& device) {
  return std::to_string(device.major) + ":" + std::to_string(device.minor);
}

std::optional<DeviceNumber> parse_device(std::string_view text) {
  constexpr uint64_t kMost = std::numeric_limits<uint32_t>::max();
  const auto colon = text.find(':');
  if (colon == std::string_view::npos) return std::nullopt;
  const auto major = parse_u64(text.substr(0, colon));
  const auto minor = parse_u64(text.substr(colon + 1));
  if (!major || !minor || *major > kMost || *minor > kMost) return std::nullopt;
  return DeviceNumber{.major = static_cast<uint32_t>(*major), .minor = static_cast<uint32_t>(*minor)};
}

}  // namespace npanel
