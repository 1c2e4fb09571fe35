// SPDX-License-Identifier: Apache-2.0
// identity.h: how does the kernel come to know which account a process is?
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <vector>

#include "base/result.h"
#include "kernel/bpf_map.h"
#include "kernel/bpf_object.h"
#include "model/subuid.h"

namespace npanel {

// Every program asks these maps (bpf/lib/identity.bpf.h): cgroup, else uid, else subordinate uid.
class Identity {
 public:
  // After the load of a program that asks, which has made them.
  static Result<Identity> open(const Pins& pins);

  // The account's cgroup and uid are its slot's; returns how many entries were not right already.
  Result<int> set(uint32_t slot, std::optional<uint64_t> cgroup_id, std::optional<uid_t> uid);
  // Forgets both where they still are this slot's. Its subordinate uids go with the next set_subuids().
  Result<void> remove(uint32_t slot, std::optional<uint64_t> cgroup_id, std::optional<uid_t> uid);
  // The uid is nobody's, or another account's, from now on.
  Result<void> forget_uid(uint32_t slot, std::optional<uid_t> uid);
  // Whose the uids of user namespaces are; replaces all that was said before.
  struct Subuids {
    uint32_t slot;
    std::vector<SubuidRange> ranges;
  };
  Result<void> set_subuids(const std::vector<Subuids>& all);
  // Removes every cgroup id and uid that `known` does not own; returns how many.
  struct Owner {
    std::optional<uint64_t> cgroup_id;
    std::optional<uid_t> uid;
    bool stranger = false;  // no account of the database: whatever uid has the slot of this cgroup stays, too
  };
  Result<int> forget_all_but(std::span<const Owner> known);

  // Whose processes have this uid, or it for a subordinate one, where no cgroup says more? nullopt: no account's.
  [[nodiscard]] std::optional<uint32_t> slot_of_user(uid_t uid) const;
  // What the maps say, whatever anybody else does.
  [[nodiscard]] std::map<uint64_t, uint32_t> slots_by_cgroup() const;
  [[nodiscard]] std::map<uint32_t, uid_t> uids_by_slot() const;
  // The slots that they speak of.
  [[nodiscard]] std::vector<uint32_t> used_slots() const;

 private:
  Identity(PinnedMap cgroups, PinnedMap uids, PinnedMap subuids, MappedValues cache)
      : cgroups_(std::move(cgroups)), uids_(std::move(uids)), subuids_(std::move(subuids)), cache_(std::move(cache)) {}
  PinnedMap cgroups_;
  PinnedMap uids_;
  PinnedMap subuids_;
  MappedValues cache_;  // np_acct_cache
};

}  // namespace npanel
