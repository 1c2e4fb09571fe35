// SPDX-License-Identifier: Apache-2.0
// storage_facts.h: what are the file systems that accounts write to made of?
#pragma once

#include <string>
#include <vector>

#include "model/storage.h"

namespace npanel {

// Where the host says so. Its mounts are those of PID 1: the service has some of its own (ProtectHome=).
struct StoragePlaces {
  std::string sys = "/sys";
  std::string mounts = "/proc/1/mountinfo";
};

// The file systems that hold `paths`, or are mounted below one of these; written to by nobody, and left out: what is
// mounted read-only, and what is memory.
// Nothing of a file system is asked, only proc and sysfs: one that hangs makes nobody wait.
[[nodiscard]] StorageFacts storage_facts(const std::vector<std::string>& paths, const StoragePlaces& places = {});

}  // namespace npanel
