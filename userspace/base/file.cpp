// SPDX-License-Identifier: Apache-2.0
#include "base/file.h"

#include <sys/stat.h>

#include <array>
#include <cstdio>
#include <filesystem>

namespace npanel {

Result<UniqueFd> open_at(int dir, const std::string& path, int flags, mode_t mode) {
  UniqueFd fd(::openat(dir, path.c_str(), flags | O_CLOEXEC, mode));
  if (!fd.valid()) return errno_failure("open " + path, errno);
  if ((flags & O_CREAT) != 0 && ::fchmod(fd.get(), mode) != 0) return errno_failure("set the mode of " + path, errno);
  return fd;
}

Result<std::string> read_file_at(int dir, const std::string& path) {
  const UniqueFd fd = NP_TRY(open_at(dir, path, O_RDONLY));
  return read_all(fd.get(), path);
}

Result<std::string> read_all(int fd, const std::string& path) {
  std::string text;
  std::array<char, 4096> chunk;
  for (;;) {
    const ssize_t got = ::read(fd, chunk.data(), chunk.size());
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

Result<void> make_private_directory(const std::string& path) {
  std::error_code error;
  if (std::filesystem::create_directories(path, error))
    std::filesystem::permissions(path, std::filesystem::perms::owner_all, error);
  if (error) return errno_failure("make " + path, error.value());
  return {};
}

Result<void> replace_file(const std::string& path, std::string_view text) {
  const std::string fresh = path + ".new";
  {
    const UniqueFd fd = NP_TRY(open_at(AT_FDCWD, fresh, O_WRONLY | O_CREAT | O_TRUNC, 0600));
    const ssize_t put = ::write(fd.get(), text.data(), text.size());
    const int error = put < 0 ? errno : ENOSPC;
    if (put != static_cast<ssize_t>(text.size()) || ::fsync(fd.get()) != 0) {
      ::unlink(fresh.c_str());
      return errno_failure("write " + fresh, put == static_cast<ssize_t>(text.size()) ? EIO : error);
    }
  }
  if (::rename(fresh.c_str(), path.c_str()) != 0) return errno_failure("rename to " + path, errno);
  const UniqueFd directory = NP_TRY(open_at(AT_FDCWD, path.substr(0, path.rfind('/') + 1), O_RDONLY | O_DIRECTORY));
  if (::fsync(directory.get()) != 0) return errno_failure("fsync the directory of " + path, errno);
  return {};
}

}  // namespace npanel
