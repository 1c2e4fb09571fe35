// SPDX-License-Identifier: Apache-2.0
// directory.h: what is in a directory?
#pragma once

#include <sys/types.h>

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "base/result.h"

namespace npanel {

struct DirectoryEntry {
  std::string name;
  ino_t inode = 0;
  bool is_directory = false;
};

// All but "." and "..", by name; `path` is below `dir` (AT_FDCWD) or absolute. All of them or an error: what a disk or
// the kernel does not tell to the end is not known. E2BIG: there are more than `most`, and no more were read.
// std::filesystem's iterator throws where it fails half-way.
[[nodiscard]] Result<std::vector<DirectoryEntry>> entries_of(int dir, const std::string& path, size_t most = SIZE_MAX);
[[nodiscard]] Result<std::vector<DirectoryEntry>> entries_of(const std::string& path, size_t most = SIZE_MAX);

}  // namespace npanel
