// SPDX-License-Identifier: Apache-2.0
// capable_host.h: a host that lacks nothing; a test takes one thing away.
#pragma once

#include "model/settings.h"

namespace npanel {

inline HostAbilities capable_host() {
  return {.controllers = {"cpu", "io", "memory", "pids"}, .devices = {"259:0"}, .page_bytes = 4096};
}

inline HostAbilities host_without(std::string_view controller) {
  HostAbilities host = capable_host();
  host.controllers.erase(host.controllers.find(controller));
  return host;
}

}  // namespace npanel
