// SPDX-License-Identifier: Apache-2.0
// confinement.h: does a unit let its service listen at an address?
#pragma once

#include <sys/socket.h>

#include <cstdint>
#include <optional>
#include <set>
#include <string>
#include <vector>

namespace npanel {

struct Network {
  int family = 0;
  std::string address = {};  // 4 or 16 bytes
  uint32_t prefix_bits = 0;
};

// What systemd.exec(5) and systemd.resource-control(5) say of a service's network.
struct Confinement {
  bool only_these_families = false;  // false: RestrictAddressFamilies= names those that are not allowed
  std::set<std::string> families = {};
  std::vector<Network> allowed = {};
  std::vector<Network> denied = {};
};

// The setting that forbids it, as the unit has it; nullopt: it may.
[[nodiscard]] std::optional<std::string> forbids(const Confinement& unit, const sockaddr_storage& address);

}  // namespace npanel
