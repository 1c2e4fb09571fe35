// SPDX-License-Identifier: Apache-2.0
#include "kernel/smtp_move.h"

#include <bpf/bpf.h>
#include <linux/membarrier.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <bit>
#include <cstring>

#include "kernel/bpf_map.h"
#include "kernel/bpf_object.h"
#include "kernel/layout_change.h"
#include "kernel/pins.h"
#include "npanel/smtp.h"
#include "smtp.skel.h"

namespace npanel {
namespace {

constexpr useconds_t kGraceUs = 20'000;

// What maps were called in layouts before v6.
const char* old_name(std::string_view name) {
  if (name == "np_acct_cgroup") return "np_smtp_cgroup";
  return name == "np_acct_uid" ? "np_smtp_uid" : nullptr;
}

UniqueFd open_old(const std::string& old_layout, const char* name) {
  UniqueFd old(bpf_obj_get((old_layout + "/" + name).c_str()));
  if (const char* before = old_name(name); !old.valid() && before) return open_old(old_layout, before);
  return old;
}

Result<void> copy_map(const std::string& old_layout, const np_smtp_bpf& skeleton, const bpf_map* map, __u64 flags = 0,
                      const EntryChange& change = {}) {
  const UniqueFd old = open_old(old_layout, bpf_map__name(map));
  if (!old.valid()) return {};  // that layout had no such map
  return copy_entries(old.get(), bpf_map__fd(map), bpf_object__btf(skeleton.obj), bpf_map__btf_value_type_id(map),
                      flags, change);
}

// The new programs count already: what the old ones have counted comes to it. `forget` clears what does not come over.
template <class Count>
Result<void> add_counts(const std::string& old_layout, const np_smtp_bpf& skeleton, const bpf_map* map,
                        void (*forget)(Count&)) {
  MappedValues counts = NP_TRY(MappedValues::map(bpf_map__fd(map), sizeof(Count), bpf_map__max_entries(map)));
  return copy_map(old_layout, skeleton, map, 0, [&](std::span<const std::byte> key, std::span<std::byte> value) {
    __u32 index = 0;
    std::memcpy(&index, key.data(), sizeof(index));
    if (index >= counts.as<Count>().size()) return false;
    Count old;
    std::memcpy(&old, value.data(), sizeof(old));
    forget(old);
    const auto numbers = std::bit_cast<std::array<__u64, sizeof(Count) / sizeof(__u64)>>(old);
    auto* to = reinterpret_cast<__u64*>(&counts.as<Count>()[index]);
    for (size_t i = 0; i < numbers.size(); ++i) __atomic_fetch_add(&to[i], numbers[i], __ATOMIC_RELAXED);
    return false;
  });
}

}  // namespace

Result<void> close_limits(const std::string& old_layout, const np_smtp_bpf& skeleton) {
  NP_TRY(copy_map(old_layout, skeleton, skeleton.maps.np_acct_cgroup));
  NP_TRY(copy_map(old_layout, skeleton, skeleton.maps.np_acct_uid));
  NP_TRY(copy_map(old_layout, skeleton, skeleton.maps.np_mail_limit));
  return copy_map(old_layout, skeleton, skeleton.maps.np_smtp_limit, 0,
                  [](std::span<const std::byte>, std::span<std::byte> value) {
                    auto* limit = reinterpret_cast<np_smtp_limit*>(value.data());
                    limit->per_minute = limit->burst = 0;
                    return true;
                  });
}

Result<void> take_over(const std::string& old_layout, const np_smtp_bpf& skeleton) {
  // Returns when no program that was running at the swap runs any more (it waits for an RCU grace period).
  if (::syscall(SYS_membarrier, MEMBARRIER_CMD_GLOBAL, 0, 0) != 0) ::usleep(kGraceUs);
  // Of sockets that were open before, the new map of sockets knows nothing.
  NP_TRY(copy_map(old_layout, skeleton, skeleton.maps.np_mail_budget, BPF_F_LOCK,
                  [](std::span<const std::byte>, std::span<std::byte> value) {
                    reinterpret_cast<np_mail_budget*>(value.data())->open = 0;
                    return true;
                  }));
  NP_TRY(copy_map(old_layout, skeleton, skeleton.maps.np_acct_subuid));
  NP_TRY(copy_map(old_layout, skeleton, skeleton.maps.np_smtp_limit));
  NP_TRY(add_counts<np_smtp_count>(old_layout, skeleton, skeleton.maps.np_smtp_count, [](np_smtp_count&) {}));
  NP_TRY(add_counts<np_smtp_total>(old_layout, skeleton, skeleton.maps.np_smtp_total,
                                   [](np_smtp_total& old) { old.open = 0; }));
  NP_TRY(add_counts<np_mail_count>(old_layout, skeleton, skeleton.maps.np_mail_count, [](np_mail_count&) {}));
  // Before v7 a message was not bound to one of the slot's lives.
  NP_TRY(copy_map(old_layout, skeleton, skeleton.maps.np_mail_charged, 0,
                  [&](std::span<const std::byte>, std::span<std::byte> value) {
                    auto* message = reinterpret_cast<np_mail_charged*>(value.data());
                    const auto budget = lookup<np_mail_budget>(skeleton.maps.np_mail_budget, message->slot, BPF_F_LOCK);
                    if (message->generation == 0 && budget) message->generation = budget->generation;
                    return true;
                  }));
  NP_TRY(copy_map(old_layout, skeleton, skeleton.maps.np_mail_known));
  remove_pin_directory(old_layout);
  return {};
}

}  // namespace npanel
