// SPDX-License-Identifier: Apache-2.0
#include "kernel/connection_recount.h"

#include <bpf/bpf.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <map>
#include <span>

#include "base/unique_fd.h"
#include "kernel/bpf_map.h"
#include "kernel/bpf_object.h"
#include "npanel/smtp.h"
#include "recount.skel.h"

namespace npanel {
namespace {

constexpr uint32_t kPass = 2;     // XDP_PASS
constexpr uint32_t kSlots = 400;  // at once: half a millisecond

struct OpenCount {
  uint32_t counted = 0;  // np_mail_budget.open
  uint32_t found = 0;    // sockets
  uint32_t generation = 0;

  bool operator==(const OpenCount&) const = default;
};
using OpenCounts = std::map<uint32_t, OpenCount>;  // by slot

Result<void> count_sockets(const np_recount_bpf& skeleton, std::span<uint64_t> found) {
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

np_mail_budget budget_of(const np_recount_bpf& skeleton, uint32_t slot) {
  return lookup<np_mail_budget>(skeleton.maps.np_mail_budget, slot, BPF_F_LOCK).value_or(np_mail_budget{});
}

// Slots from `first` to before `end` whose count is another than the number of sockets, while nothing else changed it
// meanwhile. A connect() that is just counting itself is seen so, too: only what is equally wrong some seconds later is
// wrong. `found`: np_smtp_found.
Result<OpenCounts> miscounted(const np_recount_bpf& skeleton, std::span<uint64_t> found, uint32_t first, uint32_t end) {
  OpenCounts before;
  for (uint32_t slot = first; slot < end; ++slot) {
    const np_mail_budget budget = budget_of(skeleton, slot);
    before.emplace_hint(before.end(), slot, OpenCount{.counted = budget.open, .generation = budget.generation});
  }
  NP_TRY(count_sockets(skeleton, found));
  OpenCounts wrong;
  for (const auto& [slot, count] : before) {
    const auto there = static_cast<uint32_t>(found[slot]);
    if (count.counted == there) continue;
    const np_mail_budget now = budget_of(skeleton, slot);
    if (now.open == count.counted && now.generation == count.generation)
      wrong.emplace(slot, OpenCount{.counted = count.counted, .found = there, .generation = count.generation});
  }
  return wrong;
}

// False when the count has changed since: then it is looked at again.
Result<bool> correct(const np_recount_bpf& skeleton, uint32_t slot, const OpenCount& count) {
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

}  // namespace

struct ConnectionRecount::Loaded {
  SkeletonPtr<np_recount_bpf> skeleton;
  MappedValues found;          // np_smtp_found
  OpenCounts miscounted = {};  // when they were recounted last
  uint32_t next = 0;           // slot
};

ConnectionRecount::ConnectionRecount(std::unique_ptr<Loaded> loaded) : loaded_(std::move(loaded)) {}
ConnectionRecount::ConnectionRecount(ConnectionRecount&&) noexcept = default;
ConnectionRecount& ConnectionRecount::operator=(ConnectionRecount&&) noexcept = default;
ConnectionRecount::~ConnectionRecount() = default;

Result<ConnectionRecount> ConnectionRecount::load(const Pins& pins) {
  hear_libbpf();
  SkeletonPtr<np_recount_bpf> skeleton(np_recount_bpf::open());
  if (!skeleton) return libbpf_failure("open BPF recount", errno);
  share_maps(skeleton->obj, pins, "np_smtp_found");
  if (const int error = np_recount_bpf::load(skeleton.get()); error != 0)
    return libbpf_failure("load BPF recount", -error);
  MappedValues found = NP_TRY(MappedValues::map(bpf_map__fd(skeleton->maps.np_smtp_found), sizeof(uint64_t), NP_SLOTS));
  return ConnectionRecount(std::make_unique<Loaded>(std::move(skeleton), std::move(found)));
}

Result<int> ConnectionRecount::next_slots() {
  const uint32_t first = loaded_->next;
  const uint32_t end = std::min(first + kSlots, NP_SLOTS);
  loaded_->next = end % NP_SLOTS;
  const auto wrong = NP_TRY(miscounted(*loaded_->skeleton, loaded_->found.as<uint64_t>(), first, end));
  int corrected = 0;
  for (uint32_t slot = first; slot < end; ++slot) {
    const auto now = wrong.find(slot);
    const auto before = loaded_->miscounted.find(slot);
    if (now == wrong.end()) {
      if (before != loaded_->miscounted.end()) loaded_->miscounted.erase(before);
    } else if (before != loaded_->miscounted.end() && before->second == now->second) {
      corrected += NP_TRY(correct(*loaded_->skeleton, slot, now->second)) ? 1 : 0;
    } else {
      loaded_->miscounted.insert_or_assign(slot, now->second);
    }
  }
  return corrected;
}

std::vector<int> ConnectionRecount::program_fds() const {
  return program_fds_of(loaded_->skeleton->obj);
}

std::vector<int> ConnectionRecount::map_fds() const {
  return {bpf_map__fd(loaded_->skeleton->maps.np_smtp_found)};
}

}  // namespace npanel
