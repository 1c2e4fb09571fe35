// SPDX-License-Identifier: Apache-2.0
// listen.h: where can clients connect?
#pragma once

#include <optional>
#include <string>

#include "base/result.h"
#include "base/unique_fd.h"

namespace npanel {

// A listening Unix socket, mode 0660 and group `group` when there is one. A stale socket file is replaced.
[[nodiscard]] Result<UniqueFd> listen_unix(const std::string& path, const std::string& group);

// Why the members of `group` cannot use the socket at `path`: a sentence; nullopt: they can, or nobody is meant to, or
// there is no socket. A group may vanish, or come back with another number, while the socket stays as it is.
[[nodiscard]] std::optional<std::string> why_not_for_group(const std::string& path, const std::string& group,
                                                           const char* group_file = "/etc/group");

// A listening TCP socket at "127.0.0.1:8443" or "[::1]:8443"; port 0 takes a free one. EINVAL: a name, or no port. That
// other hosts reach only an address with TLS is the configuration's to check.
[[nodiscard]] Result<UniqueFd> listen_tcp(const std::string& address);

}  // namespace npanel
