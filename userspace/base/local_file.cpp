// SPDX-License-Identifier: Apache-2.0
#include "base/local_file.h"

#include <fcntl.h>
#include <sys/stat.h>

#include <algorithm>
#include <array>
#include <climits>
#include <deque>

#include "base/file.h"
#include "base/parse.h"

namespace npanel {
namespace {

constexpr int kLinksMost = 40;  // as path_resolution(7)

std::deque<std::string> components(std::string_view path) {
  std::deque<std::string> parts;
  while (!path.empty()) {
    const std::string_view part = path.substr(0, path.find('/'));
    if (!part.empty() && part != ".") parts.emplace_back(part);
    path.remove_prefix(std::min(part.size() + 1, path.size()));
  }
  return parts;
}

// proc(5): "36 35 98:0 / /mnt rw,noatime master:1 - ext3 /dev/root rw"; the number, and the type behind the dash.
std::string type_of_mount(uint64_t id) {
  const auto text = read_file_at(AT_FDCWD, "/proc/self/mountinfo");
  if (!text) return "?";
  const std::string wanted = "\n" + std::to_string(id) + " ";
  const size_t line = ("\n" + *text).find(wanted);
  if (line == std::string::npos) return "?";
  const size_t dash = text->find(" - ", line);
  if (dash == std::string::npos) return "?";
  return text->substr(dash + 3, text->find(' ', dash + 3) - dash - 3);
}

// STATX_MNT_ID needs nothing from the file system; AT_STATX_DONT_SYNC asks it for nothing.
Result<struct statx> look(int fd) {
  struct statx status{};
  if (::statx(fd, "", AT_EMPTY_PATH | AT_STATX_DONT_SYNC | AT_NO_AUTOMOUNT, STATX_TYPE | STATX_MNT_ID, &status) != 0)
    return errno_failure("statx", errno);
  return status;
}

// The way through a tree, one component after the other.
class Walk {
 public:
  explicit Walk(const std::string& path) : path_(path), left_(components(path)) {}

  Result<UniqueFd> go() {
    NP_TRY(enter_root());
    while (!left_.empty()) NP_TRY(step());
    return std::move(here_);
  }
  [[nodiscard]] mode_t mode() const { return mode_; }

 private:
  Result<void> enter_root() {
    UniqueFd root = NP_TRY(open_at(AT_FDCWD, "/", O_PATH | O_DIRECTORY));
    return enter(std::move(root));
  }

  Result<void> enter(UniqueFd next) {
    const auto status = NP_TRY(look(next.get()));
    if (status.stx_mnt_id != mount_) {
      const std::string type = type_of_mount(status.stx_mnt_id);
      if (asks_somebody_else(type))
        return failure(path_ + " lies on " + type + ": it must be a file of this host", EREMOTE);
      mount_ = status.stx_mnt_id;
    }
    mode_ = status.stx_mode;
    here_ = std::move(next);
    return {};
  }

  Result<void> step() {
    const std::string part = std::move(left_.front());
    left_.pop_front();
    UniqueFd next(::openat(here_.get(), part.c_str(), O_PATH | O_NOFOLLOW | O_CLOEXEC));
    if (!next.valid()) return errno_failure("open " + path_, errno);
    const struct statx status = NP_TRY(look(next.get()));
    if (!S_ISLNK(status.stx_mode)) return enter(std::move(next));
    return follow(next);
  }

  Result<void> follow(const UniqueFd& link) {
    if (++links_ > kLinksMost) return errno_failure("open " + path_, ELOOP);
    std::array<char, PATH_MAX> target;
    const ssize_t length = ::readlinkat(link.get(), "", target.data(), target.size());
    if (length <= 0) return errno_failure("open " + path_, length < 0 ? errno : ENOENT);
    const std::string_view text(target.data(), static_cast<size_t>(length));
    std::deque<std::string> parts = components(text);
    left_.insert(left_.begin(), parts.begin(), parts.end());
    return text.starts_with('/') ? enter_root() : Result<void>();
  }

  const std::string& path_;
  std::deque<std::string> left_;
  UniqueFd here_;
  uint64_t mount_ = 0;
  mode_t mode_ = 0;
  int links_ = 0;
};

}  // namespace

bool asks_somebody_else(std::string_view type) {
  constexpr std::array kThose = {"9p",   "afs",    "autofs", "ceph", "cifs",  "coda",     "fuse", "fuseblk",
                                 "gfs2", "lustre", "nfs",    "nfs4", "ocfs2", "orangefs", "smb3", "virtiofs"};
  return type.starts_with("fuse.") || std::ranges::find(kThose, type) != kThose.end();
}

Result<UniqueFd> open_local(const std::string& path) {
  if (!path.starts_with('/')) return failure(path + " must be an absolute path", EINVAL);
  Walk walk(path);
  const UniqueFd there = NP_TRY(walk.go());
  if (!S_ISREG(walk.mode())) return failure(path + " is no regular file", EINVAL);
  UniqueFd file(::open(("/proc/self/fd/" + std::to_string(there.get())).c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  if (!file.valid()) return errno_failure("open " + path, errno);
  return file;
}

Result<std::string> read_local(const std::string& path) {
  const UniqueFd file = NP_TRY(open_local(path));
  return read_all(file.get(), path);
}

}  // namespace npanel
