// SPDX-License-Identifier: Apache-2.0
#include "kernel/account_tree.h"

#include <linux/magic.h>
#include <poll.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <chrono>
#include <memory>

#include "base/file.h"

namespace npanel {
namespace {

using Clock = std::chrono::steady_clock;

Result<void> make_directory(int parent, const std::string& name) {
  if (::mkdirat(parent, name.c_str(), 0755) != 0 && errno != EEXIST) return errno_failure("make cgroup " + name, errno);
  return {};
}

Result<void> check_cgroup2(const Cgroup& mount, const std::string& path) {
  struct statfs status{};
  if (::fstatfs(mount.fd(), &status) != 0) return errno_failure("statfs " + path, errno);
  if (status.f_type == CGROUP2_SUPER_MAGIC) return {};
  return failure(path + " is not a cgroup v2 mount (see /proc/filesystems, mount -t cgroup2)", ENODEV);
}

Controllers words(std::string_view text) {
  Controllers found;
  for (const std::string_view controller : kControllers) {
    for (size_t at = text.find(controller); at != std::string_view::npos; at = text.find(controller, at + 1)) {
      const size_t end = at + controller.size();
      const bool starts = at == 0 || text[at - 1] == ' ';
      const bool ends = end == text.size() || text[end] == ' ' || text[end] == '\n';
      if (starts && ends) found.emplace(controller);
    }
  }
  return found;
}

// Enables for the children of `cgroup` whatever it has; one by one, so that one refusal does not take the others along.
Result<Controllers> enable_controllers(const Cgroup& cgroup) {
  Controllers enabled = words(NP_TRY(cgroup.read("cgroup.subtree_control")));
  for (const std::string& controller : words(NP_TRY(cgroup.read("cgroup.controllers"))))
    if (!enabled.contains(controller) && cgroup.write("cgroup.subtree_control", "+" + controller))
      enabled.insert(controller);
  return enabled;
}

std::vector<std::string> components(const std::string& path) {
  std::vector<std::string> parts;
  for (size_t at = 0; at < path.size();) {
    const size_t end = std::min(path.find('/', at), path.size());
    if (end > at) parts.push_back(path.substr(at, end - at));
    at = end + 1;
  }
  return parts;
}

// rmdir(2) of the cgroup and of all below it, the deepest first. EBUSY while processes live.
Result<void> remove_tree(int parent, const std::string& name) {
  {
    const Cgroup cgroup = NP_TRY(Cgroup::open(parent, name));
    for (const std::string& child : NP_TRY(cgroup.children())) NP_TRY(remove_tree(cgroup.fd(), child));
  }
  if (::unlinkat(parent, name.c_str(), AT_REMOVEDIR) != 0 && errno != ENOENT)
    return errno_failure("remove cgroup " + name, errno);
  return {};
}

// Sleeps until cgroup.events changes (kernfs reports POLLPRI) or the time is over.
Result<bool> wait_until_empty(const Cgroup& cgroup, Clock::time_point deadline) {
  const UniqueFd events = NP_TRY(open_at(cgroup.fd(), "cgroup.events", O_RDONLY));
  for (;;) {
    // POLLPRI arms on a read of this very fd.
    char text[128];
    if (::pread(events.get(), text, sizeof(text), 0) < 0) return errno_failure("read cgroup.events", errno);
    if (!NP_TRY(cgroup.populated())) return true;
    const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(deadline - Clock::now()).count();
    if (left <= 0) return false;
    pollfd wait{.fd = events.get(), .events = POLLPRI, .revents = 0};
    ::poll(&wait, 1, static_cast<int>(left));
  }
}

}  // namespace

Result<AccountTree> AccountTree::open(const std::string& mount_path, const std::string& path) {
  Cgroup mount = NP_TRY(Cgroup::open(AT_FDCWD, mount_path));
  NP_TRY(check_cgroup2(mount, mount_path));
  const std::vector<std::string> parts = components(path);
  if (parts.empty()) return failure("the accounts' cgroup needs a name below " + mount_path, EINVAL);
  Controllers controllers = NP_TRY(enable_controllers(mount));
  Cgroup top = NP_TRY(Cgroup::open(mount.fd(), "."));
  for (const std::string& part : parts) {
    NP_TRY(make_directory(top.fd(), part));
    top = NP_TRY(Cgroup::open(top.fd(), part));
    controllers = NP_TRY(enable_controllers(top));
  }
  return AccountTree(std::move(mount), std::move(top), std::move(controllers), static_cast<int>(parts.size()) + 1);
}

// cgroup.type exists in every cgroup but the root (Documentation/admin-guide/cgroup-v2.rst).
bool AccountTree::at_hierarchy_root() const {
  return ::faccessat(mount_.fd(), "cgroup.type", F_OK, 0) != 0;
}

Result<Cgroup> AccountTree::find(const std::string& directory) const {
  return Cgroup::open(fd(), directory);
}

Result<Cgroup> AccountTree::find_or_make(const std::string& directory) const {
  if (auto found = find(directory); found || found.error().code != ENOENT) return found;
  NP_TRY(make_directory(fd(), directory));
  return find(directory);
}

Result<std::vector<std::string>> AccountTree::list() const {
  return top_.children();
}

Result<bool> AccountTree::remove_if_empty(const std::string& directory) const {
  if (::unlinkat(fd(), directory.c_str(), AT_REMOVEDIR) == 0 || errno == ENOENT) return true;
  if (errno == EBUSY || errno == ENOTEMPTY) return false;
  return errno_failure("remove cgroup " + directory, errno);
}

Result<bool> AccountTree::remove(const std::string& directory, int wait_ms) const {
  const auto deadline = Clock::now() + std::chrono::milliseconds(wait_ms);
  const auto cgroup = find(directory);
  if (!cgroup && cgroup.error().code == ENOENT) return true;
  if (!cgroup) return std::unexpected(cgroup.error());
  NP_TRY(cgroup->kill());
  if (!NP_TRY(wait_until_empty(*cgroup, deadline))) return false;
  const auto removed = remove_tree(fd(), directory);
  if (!removed && removed.error().code == EBUSY) return false;  // a fork that the kill has not reached yet
  if (!removed) return std::unexpected(removed.error());
  return true;
}

}  // namespace npanel
