// SPDX-License-Identifier: Apache-2.0
// file.h: how are small files (control files, /proc) read and written below an open directory?
#pragma once

#include <fcntl.h>

#include <string>
#include <string_view>

#include "base/result.h"
#include "base/unique_fd.h"

namespace npanel {

// Opens `path` (relative to `dir`, or absolute) with O_CLOEXEC. With O_CREAT the file has the mode, whatever the umask
// says and whatever it had before. The error names the path.
[[nodiscard]] Result<UniqueFd> open_at(int dir, const std::string& path, int flags, mode_t mode = 0);

// The whole file, however many reads it takes.
[[nodiscard]] Result<std::string> read_file_at(int dir, const std::string& path);

// From where it stands to its end; `path` is for the error.
[[nodiscard]] Result<std::string> read_all(int fd, const std::string& path);

// One write(2) of the whole text: control files take a value in one piece. The file must exist.
[[nodiscard]] Result<void> write_file_at(int dir, const std::string& path, std::string_view text);

// A directory of mode 0700, and those above it.
[[nodiscard]] Result<void> make_private_directory(const std::string& path);

// A file that is there in whole or not at all, whenever the power goes. Mode 0600.
[[nodiscard]] Result<void> replace_file(const std::string& path, std::string_view text);

}  // namespace npanel
