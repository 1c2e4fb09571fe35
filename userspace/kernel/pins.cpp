// SPDX-License-Identifier: Apache-2.0
#include "kernel/pins.h"

#include <bpf/bpf.h>
#include <linux/magic.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <filesystem>

#include "base/directory.h"
#include "base/parse.h"
#include "base/unique_fd.h"

namespace npanel {
namespace {

namespace fs = std::filesystem;

// Changes with the layout of any pinned map.
constexpr const char* kLayout = "v8";
constexpr const char* kLink = "link4";

// On a bpffs that others may write, somebody else may have made it, and put links and maps of his own there.
Result<void> check_owner(const std::string& path) {
  constexpr mode_t kOthersWrite = S_IWGRP | S_IWOTH;
  struct stat status{};
  if (::lstat(path.c_str(), &status) != 0) return errno_failure(path, errno);
  if (!S_ISDIR(status.st_mode)) return failure(path + " must be a directory", ENOTDIR);
  if (status.st_uid == ::geteuid() && (status.st_mode & kOthersWrite) == 0) return {};
  return failure(path + " must be ours, and writable by nobody else (mode 0700); it is uid " +
                     std::to_string(status.st_uid) + "'s",
                 EPERM);
}

}  // namespace

Result<Pins> Pins::make(std::string dir) {
  struct statfs status{};
  const std::string parent = fs::path(dir).parent_path();
  if (::statfs(parent.c_str(), &status) != 0) return errno_failure(parent, errno);
  if (status.f_type != BPF_FS_MAGIC)
    return failure(parent + " is not on a bpffs (mount -t bpf bpf /sys/fs/bpf)", ENODEV);
  Pins pins(std::move(dir));
  for (const std::string& path : {pins.dir_, pins.dir_ + "/" + kLayout}) {
    if (::mkdir(path.c_str(), 0700) != 0 && errno != EEXIST) return errno_failure("make " + path, errno);
    NP_TRY(check_owner(path));
  }
  return pins;
}

bool Pins::any(const std::string& dir) {
  const auto layouts = entries_of(dir);
  if (!layouts) return false;
  return std::ranges::any_of(*layouts, [&](const DirectoryEntry& layout) {
    const auto pinned = entries_of(dir + "/" + layout.name);
    return pinned && !pinned->empty();
  });
}

std::string Pins::path(const std::string& name) const {
  return dir_ + "/" + kLayout + "/" + name;
}

Result<std::optional<std::string>> Pins::other_layout() const {
  std::error_code ignored;
  for (const DirectoryEntry& layout : NP_TRY(entries_of(dir_))) {
    std::string path = dir_ + "/" + layout.name;
    if (layout.name != kLayout && fs::exists(path + "/" + kLink, ignored)) return path;
  }
  return std::nullopt;
}

void Pins::clear() const {
  const auto pinned = entries_of(dir_ + "/" + kLayout);
  if (!pinned) return;
  for (const DirectoryEntry& pin : *pinned) ::unlink(path(pin.name).c_str());
}

bool has_mark(const std::string& dir, const std::string& name) {
  struct stat status{};
  return ::lstat((dir + "/" + name).c_str(), &status) == 0 && S_ISDIR(status.st_mode);
}

Result<void> set_mark(const std::string& dir, const std::string& name) {
  const std::string path = dir + "/" + name;
  if (::mkdir(path.c_str(), 0700) != 0 && errno != EEXIST) return errno_failure("make " + path, errno);
  return {};
}

Result<void> remove_mark(const std::string& dir, const std::string& name) {
  const std::string path = dir + "/" + name;
  if (::rmdir(path.c_str()) != 0 && errno != ENOENT) return errno_failure("remove " + path, errno);
  return {};
}

std::optional<int64_t> number_marked(const std::string& dir, const std::string& prefix) {
  const auto marks = entries_of(dir);
  if (!marks) return std::nullopt;
  for (const DirectoryEntry& mark : *marks)
    if (mark.name.starts_with(prefix))
      if (const auto number = parse_u64(mark.name.substr(prefix.size()))) return static_cast<int64_t>(*number);
  return std::nullopt;
}

void remove_pin_directory(const std::string& dir) {
  std::error_code ignored;
  fs::remove_all(dir, ignored);
}

namespace {

Result<void> unpin_below(const std::string& dir, Unpinned& done) {
  for (const DirectoryEntry& entry : NP_TRY(entries_of(dir))) {
    const std::string path = dir + "/" + entry.name;
    if (entry.is_directory) {
      NP_TRY(unpin_below(path, done));
      continue;
    }
    const UniqueFd object(bpf_obj_get(path.c_str()));
    if (!object.valid()) continue;
    // For a map the kernel says EINVAL; a tracing program's link ends with its last descriptor: EOPNOTSUPP.
    const bool is_link = bpf_link_detach(object.get()) == 0 || errno == EOPNOTSUPP;
    ++(is_link ? done.links : done.maps);
  }
  return {};
}

}  // namespace

Result<Unpinned> unpin_all(const std::string& dir) {
  Unpinned done;
  std::error_code error;
  if (!fs::exists(dir, error)) return done;
  NP_TRY(unpin_below(dir, done));
  fs::remove_all(dir, error);
  if (error) return errno_failure("remove " + dir, error.value());
  return done;
}

}  // namespace npanel
