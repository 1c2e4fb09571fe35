// SPDX-License-Identifier: Apache-2.0
#include "store/files.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <ctime>
#include <filesystem>

#include "base/directory.h"
#include "base/file.h"

namespace npanel {
namespace {

constexpr const char* kStamp = "%Y%m%dT%H%M%SZ";

Result<void> write_all(int fd, const char* data, size_t size, const std::string& path) {
  while (size > 0) {
    const ssize_t written = ::write(fd, data, size);
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) return errno_failure("write " + path, errno);
    data += written;
    size -= static_cast<size_t>(written);
  }
  return {};
}

Result<void> sync(int fd, const std::string& path) {
  if (::fsync(fd) != 0) return errno_failure("fsync " + path, errno);
  return {};
}

}  // namespace

std::string directory_of(const std::string& path) {
  const std::string parent = std::filesystem::path(path).parent_path();
  return parent.empty() ? "." : parent;
}

bool exists(const std::string& path) {
  return ::access(path.c_str(), F_OK) == 0 || (errno != ENOENT && errno != ENOTDIR);
}

std::vector<std::string> names_in(const std::string& directory, const std::string& prefix) {
  std::vector<std::string> names;
  const auto entries = entries_of(directory);
  if (!entries) return names;
  for (const DirectoryEntry& entry : *entries)
    if (entry.name.starts_with(prefix)) names.push_back(entry.name);
  return names;
}

Result<void> copy_file(const std::string& from, const std::string& to) {
  const UniqueFd source = NP_TRY(open_at(AT_FDCWD, from, O_RDONLY));
  const UniqueFd target = NP_TRY(open_at(AT_FDCWD, to, O_WRONLY | O_CREAT | O_TRUNC, 0600));
  std::vector<char> buffer(1 << 16);
  while (true) {
    const ssize_t got = ::read(source.get(), buffer.data(), buffer.size());
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return errno_failure("read " + from, errno);
    if (got == 0) return sync(target.get(), to);
    NP_TRY(write_all(target.get(), buffer.data(), static_cast<size_t>(got), to));
  }
}

Result<void> make_empty_file(const std::string& path) {
  return make_filled_file(path, 0);
}

Result<void> make_filled_file(const std::string& path, size_t bytes) {
  const UniqueFd file = NP_TRY(open_at(AT_FDCWD, path, O_WRONLY | O_CREAT | O_TRUNC, 0600));
  const std::string text(bytes, 'x');
  return write_all(file.get(), text.data(), text.size(), path);
}

Result<void> move_file(const std::string& from, const std::string& to) {
  if (::rename(from.c_str(), to.c_str()) != 0 && errno != ENOENT)
    return errno_failure("rename " + from + " to " + to, errno);
  return {};
}

Result<void> sync_file(const std::string& path) {
  const UniqueFd fd = NP_TRY(open_at(AT_FDCWD, path, O_RDONLY));
  return sync(fd.get(), path);
}

void remove_database(const std::string& path) {
  for (const char* part : {"", "-wal", "-shm", "-journal"}) ::unlink((path + part).c_str());
}

std::string utc_stamp(int64_t ms_since_1970) {
  const std::time_t seconds = ms_since_1970 / 1000;
  std::tm parts{};
  ::gmtime_r(&seconds, &parts);
  char text[32];
  return {text, std::strftime(text, sizeof(text), kStamp, &parts)};
}

std::optional<int64_t> stamp_ms(const std::string& stamp) {
  std::tm parts{};
  if (!::strptime(stamp.c_str(), kStamp, &parts)) return std::nullopt;
  return int64_t{::timegm(&parts)} * 1000;
}

}  // namespace npanel
