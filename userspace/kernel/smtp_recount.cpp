// SPDX-License-Identifier: Apache-2.0
#include "kernel/smtp_recount.h"

#include <bpf/bpf.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>

#include "base/unique_fd.h"
#include "kernel/bpf_map.h"
#include "kernel/bpf_object.h"
#include "npanel/smtp.h"
#include "smtp.skel.h"

namespace npanel {
namespace {

constexpr uint32_t kPass = 2;  // XDP_PASS

Result<void> count_sockets(const np_smtp_bpf& skeleton, std::span<uint64_t> found) {
  std::ranges::fill(found, 0UL);
  bpf_iter_link_info over{};
  over.map.map_fd = static_cast<__u32>(bpf_map__fd(skeleton.maps.np_smtp_socket));
  bpf_iter_attach_opts options{};
  options.sz = sizeof(options);
  options.link_info = &over;
  options.link_info_len = sizeof(over);
  const LinkPtr link(bpf_program__attach_iter(skeleton.progs.np_smtp_recount, &options));
  if (!link) return libbpf_failure("walk the sockets that count", errno);
  const UniqueFd walk(bpf_iter_create(bpf_link__fd(link.get())));
  if (!walk.valid()) return errno_failure("walk the sockets that count", errno);
  std::array<char, 64> nothing;  // the program writes no text; the walk ends with the read
  ssize_t got = 0;
  while ((got = ::read(walk.get(), nothing.data(), nothing.size())) > 0 || (got < 0 && errno == EAGAIN)) continue;
  if (got < 0) return errno_failure("walk the sockets that count", errno);
  return {};
}

np_mail_budget budget_of(const np_smtp_bpf& skeleton, uint32_t slot) {
  return lookup<np_mail_budget>(skeleton.maps.np_mail_budget, slot, BPF_F_LOCK).value_or(np_mail_budget{});
}

}  // namespace

Result<std::map<uint32_t, OpenCount>> miscounted(const np_smtp_bpf& skeleton, std::span<uint64_t> found, uint32_t first,
                                                 uint32_t end) {
  std::map<uint32_t, OpenCount> before;
  for (uint32_t slot = first; slot < end; ++slot) {
    const np_mail_budget budget = budget_of(skeleton, slot);
    before.emplace_hint(before.end(), slot, OpenCount{.counted = budget.open, .generation = budget.generation});
  }
  NP_TRY(count_sockets(skeleton, found));
  std::map<uint32_t, OpenCount> wrong;
  for (const auto& [slot, count] : before) {
    const auto there = static_cast<uint32_t>(found[slot]);
    if (count.counted == there) continue;
    const np_mail_budget now = budget_of(skeleton, slot);
    if (now.open == count.counted && now.generation == count.generation)
      wrong.emplace(slot, OpenCount{.counted = count.counted, .found = there, .generation = count.generation});
  }
  return wrong;
}

Result<bool> correct(const np_smtp_bpf& skeleton, uint32_t slot, const OpenCount& count) {
  const np_smtp_correction wanted{
      .reserved = {}, .slot = slot, .generation = count.generation, .counted = count.counted, .found = count.found};
  bpf_test_run_opts run{};
  run.sz = sizeof(run);
  run.data_in = &wanted;
  run.data_size_in = sizeof(wanted);
  if (const int error = bpf_prog_test_run_opts(bpf_program__fd(skeleton.progs.np_smtp_correct), &run); error != 0)
    return errno_failure("correct a count of open connections", -error);
  return run.retval == kPass;
}

}  // namespace npanel
