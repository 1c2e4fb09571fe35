// SPDX-License-Identifier: Apache-2.0
#include "kernel/links.h"

#include <bpf/bpf.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdio>

namespace npanel {
namespace {

// The cgroup that a link is attached to; 0 once the kernel has detached it.
uint64_t attached_to(const bpf_link* link) {
  bpf_link_info info{};
  __u32 length = sizeof(info);
  if (bpf_obj_get_info_by_fd(bpf_link__fd(link), &info, &length) != 0) return 0;
  return info.cgroup.cgroup_id;
}

Result<uint64_t> id_of(int cgroup_fd) {
  struct stat status{};
  if (::fstat(cgroup_fd, &status) != 0) return errno_failure("fstat of the cgroup to attach to", errno);
  return status.st_ino;
}

// Swaps the program behind a pinned link that is still attached; nullptr when there is none worth keeping.
LinkPtr adopt(const bpf_program* program, uint64_t cgroup_id, const std::string& pin) {
  LinkPtr link(bpf_link__open(pin.c_str()));
  if (!link || attached_to(link.get()) != cgroup_id) return nullptr;
  if (bpf_link__update_program(link.get(), const_cast<bpf_program*>(program)) != 0) return nullptr;
  return link;
}

// In place of a link that the kernel detached, of another cgroup, or whose program is the old one: that stays pinned
// until this one is.
Result<LinkPtr> pin_as(LinkPtr link, const bpf_program* program, const std::string& pin) {
  if (!link) return libbpf_failure(std::string("attach ") + bpf_program__name(program), errno);
  const std::string fresh = pin + "-new";
  ::unlink(fresh.c_str());  // of an agent that was killed here
  if (bpf_obj_pin(bpf_link__fd(link.get()), fresh.c_str()) != 0) return errno_failure("pin " + fresh, errno);
  if (::rename(fresh.c_str(), pin.c_str()) != 0) {
    const int error = errno;
    ::unlink(fresh.c_str());
    return errno_failure("pin " + pin, error);
  }
  return link;
}

}  // namespace

Result<LinkPtr> adopt_or_attach(bpf_program* program, int cgroup_fd, const std::string& now, const std::string& pin) {
  LinkPtr link = adopt(program, NP_TRY(id_of(cgroup_fd)), now);
  if (link && now == pin) return link;
  if (!link) link.reset(bpf_program__attach_cgroup(program, cgroup_fd));
  return pin_as(std::move(link), program, pin);
}

Result<LinkPtr> attach_and_pin(bpf_program* program, const std::string& pin) {
  return pin_as(LinkPtr(bpf_program__attach(program)), program, pin);
}

}  // namespace npanel
