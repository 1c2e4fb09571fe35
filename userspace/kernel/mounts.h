// SPDX-License-Identifier: Apache-2.0
// mounts.h: where is a file system of this type mounted?
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace npanel {

// The first mount point, in proc(5) order, of "cgroup2", "bpf"…; nullopt when there is none.
[[nodiscard]] std::optional<std::string> find_mount(std::string_view type,
                                                    const std::string& mounts = "/proc/self/mounts");

}  // namespace npanel
