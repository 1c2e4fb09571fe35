// SPDX-License-Identifier: Apache-2.0
#include "base/directory.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>

#include <algorithm>
#include <memory>
#include <string_view>

#include "base/file.h"

namespace npanel {
namespace {

using Stream = std::unique_ptr<DIR, decltype([](DIR* stream) { ::closedir(stream); })>;

// Not every file system says what an entry is.
bool is_directory(int dir, const dirent& entry) {
  if (entry.d_type != DT_UNKNOWN) return entry.d_type == DT_DIR;
  struct stat status{};
  return ::fstatat(dir, entry.d_name, &status, AT_SYMLINK_NOFOLLOW) == 0 && S_ISDIR(status.st_mode);
}

}  // namespace

Result<std::vector<DirectoryEntry>> entries_of(int dir, const std::string& path, size_t most) {
  UniqueFd opened = NP_TRY(open_at(dir, path, O_RDONLY | O_DIRECTORY));
  const int fd = opened.get();
  const Stream stream(::fdopendir(fd));
  if (!stream) return errno_failure("read " + path, errno);
  std::ignore = opened.release();  // the stream closes it
  std::vector<DirectoryEntry> entries;
  for (errno = 0; const dirent* entry = ::readdir(stream.get()); errno = 0) {
    const std::string_view name = entry->d_name;
    if (name == "." || name == "..") continue;
    if (entries.size() == most) return failure(path + " has more than " + std::to_string(most) + " entries", E2BIG);
    entries.push_back({.name = std::string(name), .inode = entry->d_ino, .is_directory = is_directory(fd, *entry)});
  }
  if (errno != 0) return errno_failure("read " + path, errno);
  std::ranges::sort(entries, {}, &DirectoryEntry::name);
  return entries;
}

Result<std::vector<DirectoryEntry>> entries_of(const std::string& path, size_t most) {
  return entries_of(AT_FDCWD, path, most);
}

}  // namespace npanel
