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
#include "base/unique_fd.h"
#include "kernel/pins.h"

namespace npanel {

// A map that some program's load has pinned, whoever else has it open.
class PinnedMap {
 public:
  static Result<PinnedMap> open(const Pins& pins, const char* name) {
    UniqueFd fd(bpf_obj_get(pins.path(name).c_str()));
    if (!fd.valid()) return errno_failure(std::string("open the pinned BPF map ") + name, errno);
    return PinnedMap(std::move(fd), name);
  }
  [[nodiscard]] int fd() const { return fd_.get(); }
  [[nodiscard]] const char* name() const { return name_; }

 private:
  PinnedMap(UniqueFd fd, const char* name) : fd_(std::move(fd)), name_(name) {}
  UniqueFd fd_;
  const char* name_;
};

// What the functions below take, for as long as the map lives that it was made from.
struct MapRef {
  MapRef(const bpf_map* map) : fd(bpf_map__fd(map)), name(bpf_map__name(map)) {}
  MapRef(const PinnedMap& map) : fd(map.fd()), name(map.name()) {}
  int fd;
  const char* name;
};

// nullopt when the key is not there.
template <class Value, class Key>
std::optional<Value> lookup(MapRef map, const Key& key, __u64 flags = 0) {
  Value value{};
  if (bpf_map_lookup_elem_flags(map.fd, &key, &value, flags) != 0) return std::nullopt;
  return value;
}

template <class Key, class Value>
Result<void> store(MapRef map, const Key& key, const Value& value, __u64 flags = 0) {
  if (bpf_map_update_elem(map.fd, &key, &value, flags) == 0) return {};
  return errno_failure(std::string("update BPF map ") + map.name, errno);
}

// 1 when the entry had to be written.
template <class Key, class Value>
Result<int> set_if_different(MapRef map, const Key& key, const Value& value) {
  const auto now = lookup<Value>(map, key);
  if (now && std::memcmp(&*now, &value, sizeof(value)) == 0) return 0;
  NP_TRY(store(map, key, value));
  return 1;
}

// One that is not there is erased already.
template <class Key>
Result<void> erase(MapRef map, const Key& key) {
  if (bpf_map_delete_elem(map.fd, &key) == 0 || errno == ENOENT) return {};
  return errno_failure(std::string("delete from BPF map ") + map.name, errno);
}

template <class Key>
std::vector<Key> keys_of(MapRef map) {
  std::vector<Key> keys;
  Key key{};
  const Key* previous = nullptr;
  while (bpf_map_get_next_key(map.fd, previous, &key) == 0) {
    keys.push_back(key);
    previous = &keys.back();
  }
  return keys;
}

template <class Key, class Less>
Result<int> erase_all_but(MapRef map, const std::set<Key, Less>& known) {
  int erased = 0;
  for (const Key& key : keys_of<Key>(map)) {
    if (known.contains(key)) continue;
    NP_TRY(erase(map, key));
    ++erased;
  }
  return erased;
}

}  // namespace npanel
