// SPDX-License-Identifier: Apache-2.0
#include "kernel/detach.h"

#include <fcntl.h>
#include <unistd.h>

#include "kernel/account_tree.h"
#include "kernel/apply_settings.h"
#include "kernel/block_devices.h"
#include "kernel/pins.h"

namespace npanel {
namespace {

void lift(const AccountTree& tree, const HostAbilities& host, const std::string& name, Detached& done) {
  const auto complain = [&](const std::string& text) { done.problems.push_back(name + ": " + text); };
  const auto cgroup = tree.find(name);
  if (!cgroup) {
    complain(cgroup.error().text);
    return;
  }
  Account unlimited;
  unlimited.name = name;
  unlimited.limits = kUnlimited;
  for (const std::string& problem : apply_settings(*cgroup, unlimited, host, only_raises()).problems) complain(problem);
  const auto busy = cgroup->populated();
  if (busy && *busy) {
    ++done.unlimited;
  } else if (const auto gone = tree.remove(name, 0); gone && *gone) {
    ++done.removed;
  } else {
    complain(gone ? "its cgroup could not be removed" : gone.error().text);
  }
}

}  // namespace

Detached detach_all(const std::string& mount, const std::string& path, const std::string& pin_dir) {
  Detached done;
  if (const auto unpinned = unpin_all(pin_dir)) {
    done.hooks = unpinned->links;
    done.maps = unpinned->maps;
  } else {
    done.problems.push_back(unpinned.error().text);
  }
  const std::string top = mount + "/" + path;
  if (::access(top.c_str(), F_OK) != 0) return done;
  const auto tree = AccountTree::open(mount, path);
  const auto names = tree ? tree->list() : std::unexpected(tree.error());
  if (!names) {
    done.problems.push_back(names.error().text);
    return done;
  }
  HostAbilities host;
  host.page_bytes = static_cast<uint64_t>(::sysconf(_SC_PAGESIZE));
  host.controllers = tree->controllers();
  host.devices = real_block_devices();
  for (const std::string& name : *names) lift(*tree, host, name, done);
  ::unlinkat(AT_FDCWD, top.c_str(), AT_REMOVEDIR);  // when it is empty now
  return done;
}

}  // namespace npanel
