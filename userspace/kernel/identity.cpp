// SPDX-License-Identifier: Apache-2.0
#include "kernel/identity.h"

#include <cstring>
#include <set>

#include "npanel/identity.h"

namespace npanel {
namespace {

// Removes the key only where it still belongs to this slot: a uid may have gone to another account.
template <class Key>
Result<void> erase_own(MapRef map, const Key& key, uint32_t slot) {
  if (lookup<uint32_t>(map, key) != slot) return {};
  return erase(map, key);
}

void put_cached(MappedValues& cache, uint64_t cgroup, uint32_t slot) {
  const uint64_t word = np_acct_cache_word(cgroup, slot);
  if (word >> NP_ACCT_CACHE_BITS != cgroup) return;  // too long an id: found by the hash
  uint64_t& entry = cache.as<uint64_t>()[np_acct_cache_index(cgroup)];
  if (entry == 0 || entry >> NP_ACCT_CACHE_BITS == cgroup) __atomic_store_n(&entry, word, __ATOMIC_RELEASE);
}

// After they have been erased from the hash.
template <class Which>
void forget_cached(MappedValues& cache, Which which) {
  for (uint64_t& entry : cache.as<uint64_t>())
    if (entry != 0 && which(entry >> NP_ACCT_CACHE_BITS)) __atomic_store_n(&entry, 0, __ATOMIC_RELEASE);
}

struct ByBytes {
  template <class Key>
  bool operator()(const Key& one, const Key& other) const {
    return std::memcmp(&one, &other, sizeof(one)) < 0;
  }
};

}  // namespace

Result<Identity> Identity::open(const Pins& pins) {
  PinnedMap cgroups = NP_TRY(PinnedMap::open(pins, "np_acct_cgroup"));
  PinnedMap uids = NP_TRY(PinnedMap::open(pins, "np_acct_uid"));
  PinnedMap subuids = NP_TRY(PinnedMap::open(pins, "np_acct_subuid"));
  const PinnedMap cache = NP_TRY(PinnedMap::open(pins, "np_acct_cache"));
  return Identity(std::move(cgroups), std::move(uids), std::move(subuids),
                  NP_TRY(MappedValues::map(cache.fd(), sizeof(uint64_t), NP_ACCT_CACHE)));
}

Result<int> Identity::set(uint32_t slot, std::optional<uint64_t> cgroup_id, std::optional<uid_t> uid) {
  int written = 0;
  if (cgroup_id) {
    written += NP_TRY(set_if_different(cgroups_, *cgroup_id, slot));
    put_cached(cache_, *cgroup_id, slot);
  }
  if (uid) written += NP_TRY(set_if_different(uids_, uint32_t{*uid}, slot));
  return written;
}

Result<void> Identity::remove(uint32_t slot, std::optional<uint64_t> cgroup_id, std::optional<uid_t> uid) {
  if (cgroup_id) {
    NP_TRY(erase_own(cgroups_, *cgroup_id, slot));
    forget_cached(cache_, [&](uint64_t cgroup) { return cgroup == *cgroup_id; });
  }
  return forget_uid(slot, uid);
}

Result<void> Identity::forget_uid(uint32_t slot, std::optional<uid_t> uid) {
  if (!uid) return {};
  return erase_own(uids_, uint32_t{*uid}, slot);
}

Result<void> Identity::set_subuids(const std::vector<Subuids>& all) {
  std::set<np_uid_prefix, ByBytes> known;
  for (const Subuids& owner : all)
    for (const SubuidRange& range : owner.ranges)
      for (const np_uid_prefix& prefix : prefixes_of(range)) {
        NP_TRY(store(subuids_, prefix, owner.slot));
        known.insert(prefix);
      }
  NP_TRY(erase_all_but(subuids_, known));
  return {};
}

Result<int> Identity::forget_all_but(std::span<const Owner> known) {
  std::set<uint64_t> cgroups;
  std::set<uint32_t> uids;
  std::set<uint32_t> strangers;
  for (const Owner& owner : known) {
    if (owner.cgroup_id) cgroups.insert(*owner.cgroup_id);
    if (owner.uid) uids.insert(*owner.uid);
    if (!owner.stranger || !owner.cgroup_id) continue;
    if (const auto slot = lookup<uint32_t>(cgroups_, *owner.cgroup_id)) strangers.insert(*slot);
  }
  for (const uint32_t uid : keys_of<uint32_t>(uids_))
    if (strangers.contains(lookup<uint32_t>(uids_, uid).value_or(NP_SLOT_NOBODY))) uids.insert(uid);
  const int erased = NP_TRY(erase_all_but(cgroups_, cgroups)) + NP_TRY(erase_all_but(uids_, uids));
  forget_cached(cache_, [&](uint64_t cgroup) { return !cgroups.contains(cgroup); });
  return erased;
}

std::optional<uint32_t> Identity::slot_of_user(uid_t uid) const {
  if (const auto slot = lookup<uint32_t>(uids_, uint32_t{uid})) return slot;
  return lookup<uint32_t>(subuids_, whole_uid(uid));
}

std::map<uint64_t, uint32_t> Identity::slots_by_cgroup() const {
  std::map<uint64_t, uint32_t> slots;
  for (const uint64_t cgroup : keys_of<uint64_t>(cgroups_))
    if (const auto slot = lookup<uint32_t>(cgroups_, cgroup)) slots.emplace(cgroup, *slot);
  return slots;
}

std::map<uint32_t, uid_t> Identity::uids_by_slot() const {
  std::map<uint32_t, uid_t> uids;
  for (const uint32_t uid : keys_of<uint32_t>(uids_))
    if (const auto slot = lookup<uint32_t>(uids_, uid)) uids.emplace(*slot, uid);
  return uids;
}

std::vector<uint32_t> Identity::used_slots() const {
  std::vector<uint32_t> slots;
  for (const auto& [cgroup, slot] : slots_by_cgroup()) slots.push_back(slot);
  for (const auto& [slot, uid] : uids_by_slot()) slots.push_back(slot);
  return slots;
}

}  // namespace npanel
