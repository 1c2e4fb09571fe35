// SPDX-License-Identifier: Apache-2.0
#include "kernel/layout_move.h"

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
#include "npanel/identity.h"
#include "npanel/mail_query.h"
#include "npanel/smtp.h"

namespace npanel {
namespace {

constexpr useconds_t kGraceUs = 20'000;

// What maps were called before: in layouts before v6 and v8.
const char* old_name(std::string_view name) {
  if (name == "np_acct_cgroup") return "np_smtp_cgroup";
  if (name == "np_acct_uid") return "np_smtp_uid";
  return name == "np_feature" ? "np_gate" : nullptr;
}

// What numbers of np_smtp_limit were called before v8.
constexpr FormerName kFormerNames[] = {{".bucket", ".place"}, {".action", ".step"}};

UniqueFd open_old(const std::string& old_layout, const char* name) {
  UniqueFd old(bpf_obj_get((old_layout + "/" + name).c_str()));
  if (const char* before = old_name(name); !old.valid() && before) return open_old(old_layout, before);
  return old;
}

class Move {
 public:
  Move(const std::string& old_layout, const Pins& pins) : old_layout_(old_layout), pins_(pins) {}

  Result<void> copy(const char* name, __u64 flags = 0, const EntryChange& change = {}) const {
    const UniqueFd old = open_old(old_layout_, name);
    if (!old.valid()) return {};  // that layout had no such map
    const PinnedMap map = NP_TRY(PinnedMap::open(pins_, name));
    return copy_entries(old.get(), map.fd(), flags, change, kFormerNames);
  }

  // The new programs count already: what the old ones have counted comes to it. `forget` clears what does not come
  // over.
  template <class Count>
  Result<void> add_counts(const char* name, size_t entries, void (*forget)(Count&)) const {
    const PinnedMap map = NP_TRY(PinnedMap::open(pins_, name));
    MappedValues counts = NP_TRY(MappedValues::map(map.fd(), sizeof(Count), entries));
    return copy(name, 0, [&](std::span<const std::byte> key, std::span<std::byte> value) {
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

 private:
  const std::string& old_layout_;
  const Pins& pins_;
};

}  // namespace

Result<void> close_limits(const std::string& old_layout, const Pins& pins) {
  const Move move(old_layout, pins);
  for (const char* name : {"np_feature", "np_acct_cgroup", "np_acct_uid", "np_mail_limit"}) NP_TRY(move.copy(name));
  return move.copy("np_smtp_limit", 0, [](std::span<const std::byte>, std::span<std::byte> value) {
    auto* limit = reinterpret_cast<np_smtp_limit*>(value.data());
    limit->per_minute = limit->burst = 0;
    return true;
  });
}

Result<void> take_over(const std::string& old_layout, const Pins& pins) {
  const Move move(old_layout, pins);
  // Returns when no program that was running at the swap runs any more (it waits for an RCU grace period).
  if (::syscall(SYS_membarrier, MEMBARRIER_CMD_GLOBAL, 0, 0) != 0) ::usleep(kGraceUs);
  // Of sockets that were open before, the new map of sockets knows nothing.
  NP_TRY(move.copy("np_mail_budget", BPF_F_LOCK, [](std::span<const std::byte>, std::span<std::byte> value) {
    reinterpret_cast<np_mail_budget*>(value.data())->open = 0;
    return true;
  }));
  NP_TRY(move.copy("np_acct_subuid"));
  NP_TRY(move.copy("np_smtp_limit"));
  NP_TRY(move.add_counts<np_smtp_count>("np_smtp_count", NP_BUDGETS, [](np_smtp_count&) {}));
  NP_TRY(move.add_counts<np_smtp_total>("np_smtp_total", 1, [](np_smtp_total& old) { old.open = 0; }));
  NP_TRY(move.add_counts<np_mail_count>("np_mail_count", NP_BUDGETS, [](np_mail_count&) {}));
  // Before v7 a message was not bound to one of the slot's lives.
  const PinnedMap budgets = NP_TRY(PinnedMap::open(pins, "np_mail_budget"));
  NP_TRY(move.copy("np_mail_charged", 0, [&](std::span<const std::byte>, std::span<std::byte> value) {
    auto* message = reinterpret_cast<np_mail_charged*>(value.data());
    const auto budget = lookup<np_mail_budget>(budgets, message->slot, BPF_F_LOCK);
    if (message->generation == 0 && budget) message->generation = budget->generation;
    return true;
  }));
  NP_TRY(move.copy("np_mail_known"));
  remove_pin_directory(old_layout);
  return {};
}

}  // namespace npanel
