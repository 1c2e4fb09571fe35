// SPDX-License-Identifier: Apache-2.0
#include "support/sandbox.h"

#include <net/if.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>

#include "kernel/mounts.h"
#include "kernel/pins.h"

namespace npanel {
namespace {

// A sandbox that cannot be built is a broken test host, never a test that passes.
void require(bool ok, const char* what) {
  if (ok) return;
  std::perror(what);
  std::abort();
}

// Namespaces are entered once a process: children and threads share them, and they end with it.
std::string enter_namespaces() {
  require(::unshare(CLONE_NEWNS | CLONE_NEWNET) == 0, "sandbox: unshare (root?)");
  require(::mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) == 0, "sandbox: private mounts");
  const int any = ::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  ifreq loopback{.ifr_ifrn = {"lo"}, .ifr_ifru = {}};
  loopback.ifr_flags = IFF_UP;
  require(::ioctl(any, SIOCSIFFLAGS, &loopback) == 0, "sandbox: loopback up");
  ::close(any);
  // An empty directory that is there on every host, hidden in our own mounts only.
  require(::mount("bpf", "/mnt", "bpf", 0, nullptr) == 0, "sandbox: bpffs");
  return "/mnt";
}

const std::string& own_bpffs() {
  static const std::string path = enter_namespaces();
  return path;
}

}  // namespace

Sandbox::Sandbox()
    : cgroup_mount_(find_mount("cgroup2").value_or("")),
      cgroup_path_("npanel-test-" + std::to_string(::getpid())),
      bpffs_(own_bpffs()) {
  require(!cgroup_mount_.empty(), "sandbox: no cgroup v2 mount");
  auto tree = AccountTree::open(cgroup_mount_, cgroup_path_);
  if (!tree) std::fprintf(stderr, "sandbox: %s\n", tree.error().text.c_str());
  require(tree.has_value(), "sandbox: cgroup");
  tree_.emplace(std::move(*tree));
}

Sandbox::~Sandbox() {
  constexpr int kWaitMs = 5000;
  if (const auto names = tree_->list())
    for (const std::string& name : *names)
      if (!tree_->remove(name, kWaitMs).value_or(false))
        std::fprintf(stderr, "sandbox: cgroup %s is left behind\n", name.c_str());
  ::unlinkat(tree_->mount_fd(), cgroup_path_.c_str(), AT_REMOVEDIR);
  remove_pin_directory(pin_dir());
}

FeatureTable features_on() {
  Features features;
  for (const Feature feature : {NP_CGROUPS_ISOLATION, NP_EMAIL_RATE_LIMITING}) features.set(feature, {.enabled = true});
  return features.kernel();
}

}  // namespace npanel
