// SPDX-License-Identifier: Apache-2.0
// local_file.h: how is a file of the configuration opened, so that nobody far away can make us wait?
#pragma once

#include <string>

#include "base/result.h"
#include "base/unique_fd.h"

namespace npanel {

// Opens a regular file for reading, following symbolic links, component by component: where the way leads into a file
// system that asks somebody else (FUSE, NFS, CIFS, an automount point…), it is refused with EREMOTE before anything
// there is asked. A FIFO or a device is EINVAL.
[[nodiscard]] Result<UniqueFd> open_local(const std::string& path);
// The whole of it.
[[nodiscard]] Result<std::string> read_local(const std::string& path);

// "nfs4", "fuse.sshfs": may what lies there be as slow as somebody else wants?
[[nodiscard]] bool asks_somebody_else(std::string_view type);

}  // namespace npanel
