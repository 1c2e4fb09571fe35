// SPDX-License-Identifier: Apache-2.0
#include "kernel/doctor.h"

#include <bpf/bpf.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <algorithm>
#include <iterator>

#include "base/file.h"
#include "connect.skel.h"
#include "kernel/block_devices.h"
#include "kernel/bpf_object.h"
#include "kernel/cgroup.h"
#include "kernel/mounts.h"
#include "kernel/storage_facts.h"
#include "kernel/usage_walk.h"
#include "mail_query.skel.h"
#include "model/settings.h"
#include "recount.skel.h"

namespace npanel {
namespace {

using State = Capability::State;

bool exists(const std::string& path) {
  return ::access(path.c_str(), F_OK) == 0;
}

Capability kernel_release() {
  utsname name{};
  ::uname(&name);
  return {"kernel", State::ok, std::string(name.sysname) + " " + name.release};
}

Capability btf() {
  if (exists("/sys/kernel/btf/vmlinux"))
    return {"btf", State::ok, "the kernel describes its types (CONFIG_DEBUG_INFO_BTF)"};
  return {"btf", State::missing,
          "no /sys/kernel/btf/vmlinux: no BPF program can load; figures come from control files, SMTP is not limited"};
}

Capability cgroup2(const std::optional<std::string>& mount) {
  if (mount == "/sys/fs/cgroup") return {"cgroup2", State::ok, "mounted at " + *mount};
  if (mount)
    return {"cgroup2", State::degraded,
            "mounted at " + *mount + " beside v1: say so in paths.cgroup_mount, and see the controllers below"};
  return {"cgroup2", State::missing,
          "not mounted: boot with systemd.unified_cgroup_hierarchy=1; rlimits stand in for memory and pids"};
}

std::string_view fallback_for(std::string_view controller) {
  if (controller == "memory") return "RLIMIT_AS on each process stands in";
  if (controller == "pids") return "RLIMIT_NPROC for the account's user stands in";
  return "nothing stands in";
}

Capability controller(const std::string& mount, std::string_view name) {
  const auto offered = read_file_at(AT_FDCWD, mount + "/cgroup.controllers");
  const std::string what = "cgroup2." + std::string(name);
  if (offered && (" " + *offered).find(" " + std::string(name)) != std::string::npos)
    return {what, State::ok, "the controller is offered by cgroup v2"};
  return {what, State::missing,
          "cgroup v2 does not offer the controller (a v1 mount may hold it); " + std::string(fallback_for(name))};
}

Capability psi() {
  if (exists("/proc/pressure/cpu")) return {"psi", State::ok, "pressure stall information is on"};
  return {"psi", State::missing,
          "no /proc/pressure: boot with psi=1; pressure figures are unavailable, limits are not touched by this"};
}

Capability io_devices(const StoragePlan& plan) {
  std::string list;
  for (const DeviceNumber& device : plan.limited) list += " " + to_string(device);
  if (!list.empty()) return {"io.devices", State::ok, "io.max applies to" + list};
  return {"io.devices", State::missing, "no block device that could be limited: I/O is not limited"};
}

// The devices of io.devices that are there; the others are said.
std::optional<std::vector<DeviceNumber>> configured(const std::vector<std::string>& nodes,
                                                    std::vector<Capability>& found) {
  if (nodes.empty()) return std::nullopt;
  std::vector<DeviceNumber> numbers;
  for (const std::string& node : nodes) {
    if (const auto number = device_number(node))
      numbers.push_back(*number);
    else
      found.push_back({"io.devices", State::missing, number.error().text + "; nothing is limited there"});
  }
  return numbers;
}

// The file systems that accounts write to, and what each is made of.
std::vector<Capability> storage(const std::vector<std::string>& nodes, const std::vector<std::string>& paths) {
  std::vector<Capability> found;
  const StorageFacts facts = storage_facts(paths);
  const StoragePlan plan = plan_io(facts, configured(nodes, found));
  found.push_back(io_devices(plan));
  for (const StorageLine& line : describe_io(facts, plan))
    found.push_back({"io:" + line.path, line.well ? State::ok : State::degraded, line.text});
  return found;
}

Capability bpffs() {
  if (const auto mount = find_mount("bpf"))
    return {"bpffs", State::ok, "mounted at " + *mount + ": SMTP limits outlive the agent"};
  return {"bpffs", State::missing, "no bpffs is mounted (mount -t bpf bpf /sys/fs/bpf): SMTP is not limited"};
}

// False: errno says why not. One at a time, for each has maps of 16 MB here that are shared elsewhere.
template <class Skeleton>
bool loads() {
  return SkeletonPtr<Skeleton>(Skeleton::open_and_load()) != nullptr;
}

// Loads the real programs and asks for a link to an invalid fd: EBADF says that all but the fd was right.
Capability smtp() {
  hear_libbpf();
  const bool others = loads<np_mail_query_bpf>() && loads<np_recount_bpf>();
  const SkeletonPtr<np_connect_bpf> skeleton(others ? np_connect_bpf::open_and_load() : nullptr);
  if (!skeleton)
    return {"bpf.connect", State::missing,
            libbpf_failure("the SMTP programs do not load; SMTP is not limited", errno).error().text};
  const int link =
      bpf_link_create(bpf_program__fd(skeleton->progs.np_smtp_conn4), -1, BPF_CGROUP_INET4_CONNECT, nullptr);
  if (link == -EBADF) return {"bpf.connect", State::ok, "direct SMTP is limited at connect(), IPv4 and IPv6"};
  return {"bpf.connect", State::missing, errno_failure("the SMTP programs cannot be attached", -link).error().text};
}

Capability usage(const std::string& mount) {
  constexpr std::string_view kFallback = "; figures are unavailable, limits are not touched by this";
  const auto root = Cgroup::open(AT_FDCWD, mount);
  if (!root) return {"bpf.iter_cgroup", State::missing, root.error().text + std::string(kFallback)};
  auto walk = UsageWalk::load(root->fd(), 1, 1024);
  if (!walk) return {"bpf.iter_cgroup", State::missing, walk.error().text + std::string(kFallback)};
  const auto rows = walk->walk();
  if (!rows) return {"bpf.iter_cgroup", State::missing, rows.error().text + std::string(kFallback)};
  return {"bpf.iter_cgroup", State::ok, "one read() brings every account's figures"};
}

}  // namespace

std::vector<Capability> examine_programs() {
  return {smtp(), usage(find_mount("cgroup2").value_or("/sys/fs/cgroup"))};
}

std::vector<Capability> examine_host(const std::vector<std::string>& io_devices,
                                     const std::vector<std::string>& io_paths) {
  const auto mount = find_mount("cgroup2");
  std::vector<Capability> found{kernel_release(), btf(), cgroup2(mount)};
  for (const std::string_view name : kControllers) found.push_back(controller(mount.value_or("/sys/fs/cgroup"), name));
  found.push_back(psi());
  for (Capability& one : storage(io_devices, io_paths)) found.push_back(std::move(one));
  found.push_back(bpffs());
  std::ranges::move(examine_programs(), std::back_inserter(found));
  return found;
}

}  // namespace npanel
