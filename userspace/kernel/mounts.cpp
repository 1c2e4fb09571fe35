// SPDX-License-Identifier: Apache-2.0
#include "kernel/mounts.h"

#include <mntent.h>

#include <cstdio>
#include <memory>

namespace npanel {

std::optional<std::string> find_mount(std::string_view type, const std::string& mounts) {
  const std::unique_ptr<FILE, decltype([](FILE* file) { ::endmntent(file); })> file(::setmntent(mounts.c_str(), "re"));
  if (!file) return std::nullopt;
  mntent entry{};
  char line[4096];
  while (::getmntent_r(file.get(), &entry, line, sizeof(line)))
    if (type == entry.mnt_type) return entry.mnt_dir;
  return std::nullopt;
}

}  // namespace npanel
