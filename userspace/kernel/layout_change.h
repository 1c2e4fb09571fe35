// SPDX-License-Identifier: Apache-2.0
// layout_change.h: how do the entries of a map come into a map whose structs have changed?
#pragma once

#include <bpf/btf.h>

#include <cstddef>
#include <functional>
#include <span>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace npanel {

// What a number of a value is called now, and what it was called; the whole path of names, beginning with a dot.
struct FormerName {
  std::string_view now;
  std::string_view before;
};

// Which bytes of an old value become which bytes of a new one: numbers whose name (the whole path of names, for a
// struct in a struct) is the same in both, or was renamed. A number that is new is 0; one that is gone is dropped; one
// that became smaller keeps its largest value when it does not fit. Locks are not copied.
class LayoutChange {
 public:
  static LayoutChange between(const btf* from, unsigned from_type, const btf* to, unsigned to_type,
                              std::span<const FormerName> renamed = {});
  void apply(std::span<const std::byte> from, std::span<std::byte> to) const;

 private:
  struct Number {
    size_t from, from_bytes, to, to_bytes;
  };
  std::vector<Number> numbers_;
};

using EntryChange = std::function<bool(std::span<const std::byte> key, std::span<std::byte> value)>;

// Writes every entry of `old_map` that is not all zero into `new_map`. Keys have the same size in both. `change` is
// given the bytes of key and new value, and may alter the value; what it answers false to is not written. `flags` is
// BPF_F_LOCK for values with a lock.
Result<void> copy_entries(int old_map, int new_map, unsigned long long flags, const EntryChange& change = {},
                          std::span<const FormerName> renamed = {});

}  // namespace npanel
