// SPDX-License-Identifier: Apache-2.0
// bpf_map.h: how are single entries of a BPF map read and written? One bpf(2) each.
#pragma once

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include <cerrno>
#include <cstring>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "base/result.h"

namespace npanel {

// nullopt when the key is not there.
template <class Value, class Key>
std::optional<Value> lookup(const bpf_map* map, const Key& key, __u64 flags = 0) {
  Value value{};
  if (bpf_map_lookup_elem_flags(bpf_map__fd(map), &key, &value, flags) != 0) return std::nullopt;
  return value;
}

template <class Key, class Value>
Result<void> store(const bpf_map* map, const Key& key, const Value& value, __u64 flags = 0) {
  if (bpf_map_update_elem(bpf_map__fd(map), &key, &value, flags) == 0) return {};
  return errno_failure(std::string("update BPF map ") + bpf_map__name(map), errno);
}

// 1 when the entry had to be written.
template <class Key, class Value>
Result<int> make_say(const bpf_map* map, const Key& key, const Value& value) {
  const auto now = lookup<Value>(map, key);
  if (now && std::memcmp(&*now, &value, sizeof(value)) == 0) return 0;
  NP_TRY(store(map, key, value));
  return 1;
}

// One that is not there is erased already.
template <class Key>
Result<void> erase(const bpf_map* map, const Key& key) {
  if (bpf_map_delete_elem(bpf_map__fd(map), &key) == 0 || errno == ENOENT) return {};
  return errno_failure(std::string("delete from BPF map ") + bpf_map__name(map), errno);
}

template <class Key>
std::vector<Key> keys_of(const bpf_map* map) {
  std::vector<Key> keys;
  Key key{};
  const Key* previous = nullptr;
  while (bpf_map_get_next_key(bpf_map__fd(map), previous, &key) == 0) {
    keys.push_back(key);
    previous = &keys.back();
  }
  return keys;
}

template <class Key, class Less>
Result<int> erase_all_but(const bpf_map* map, const std::set<Key, Less>& known) {
  int erased = 0;
  for (const Key& key : keys_of<Key>(map)) {
    if (known.contains(key)) continue;
    NP_TRY(erase(map, key));
    ++erased;
  }
  return erased;
}

}  // namespace npanel
