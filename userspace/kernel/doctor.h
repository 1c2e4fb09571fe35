// SPDX-License-Identifier: Apache-2.0
// doctor.h: what can this host do for us, what is missing, and what stands in for it?
#pragma once

#include <string>
#include <vector>

namespace npanel {

struct Capability {
  enum class State { ok, degraded, missing };
  std::string name;
  State state;
  std::string detail;  // one sentence: what is there, or what is missing and what stands in
};

// Found by trying: the real programs are loaded and the real files opened; nothing stays behind. Needs root.
// `io_devices`: what the configuration says; `io_paths`: where accounts write.
[[nodiscard]] std::vector<Capability> examine_host(const std::vector<std::string>& io_devices,
                                                   const std::vector<std::string>& io_paths);

// Only what the BPF programs are for, as far as this process can load them.
[[nodiscard]] std::vector<Capability> examine_programs();

}  // namespace npanel
