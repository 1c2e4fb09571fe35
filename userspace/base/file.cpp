// SPDX-License-Identifier: Apache-2.0
#include "base/file.h"

#include <array>

namespace npanel {

Result<UniqueFd> open_at(int dir, const std::string& path, int flags, mode_t mode) {
  UniqueFd fd(::openat(dir, path.c_str(), flags | O_CLOEXEC, mode));
  if (!fd.valid()) return errno_failure("open " + path, errno);
  return fd;
}

Result<std::string> read_file_at(int dir, const std::string& path) {
  const UniqueFd fd = NP_TRY(open_at(dir, path, O_RDONLY));
  std::string text;
  std::array<char, 4096> chunk;
  for (;;) {
    const ssize_t got = ::read(fd.get(), chunk.data(), chunk.size());
    if (got > 0) {
      text.append(chunk.data(), static_cast<size_t>(got));
    } else if (got == 0) {
      return text;
    } else if (errno != EINTR) {
      return errno_failure("read " + path, errno);
    }
  }
}

Result<void> write_file_at(int dir, const std::string& path, std::string_view text) {
  const UniqueFd fd = NP_TRY(open_at(dir, path, O_WRONLY));
  const ssize_t put = ::write(fd.get(), text.data(), text.size());
  if (put < 0) return errno_failure("write \"" + std::string(text) + "\" to " + path, errno);
  if (static_cast<size_t>(put) != text.size()) return failure("write to " + path + " was cut short", EIO);
  return {};
}

}  // namespace npanel
