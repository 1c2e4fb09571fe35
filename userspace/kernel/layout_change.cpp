// SPDX-License-Identifier: Apache-2.0
#include "kernel/layout_change.h"

#include <bpf/bpf.h>

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <map>
#include <memory>
#include <string>

namespace npanel {
namespace {

using BtfPtr = std::unique_ptr<btf, decltype([](btf* types) { btf__free(types); })>;

struct Field {
  size_t offset, bytes;
};
// "bucket.credit" -> where it is
using Fields = std::map<std::string, Field>;

void find_numbers(const btf* types, unsigned id, const std::string& name, size_t offset, Fields& found) {
  const int resolved = btf__resolve_type(types, id);
  if (resolved < 0) return;
  const btf_type* type = btf__type_by_id(types, static_cast<unsigned>(resolved));
  if (btf_is_int(type) || btf_is_any_enum(type)) {
    found[name] = {offset, type->size};
  } else if (btf_is_array(type)) {
    const struct btf_array* array = btf_array(type);
    const auto bytes = btf__resolve_size(types, array->type);
    for (unsigned i = 0; bytes > 0 && i < array->nelems; ++i)
      find_numbers(types, array->type, name + "[" + std::to_string(i) + "]", offset + i * static_cast<size_t>(bytes),
                   found);
  } else if (btf_is_struct(type)) {
    const std::string own = btf__name_by_offset(types, type->name_off);
    if (own == "bpf_spin_lock") return;
    const btf_member* member = btf_members(type);
    for (int i = 0; i < btf_vlen(type); ++i, ++member)
      find_numbers(types, member->type, name + "." + btf__name_by_offset(types, member->name_off),
                   offset + member->offset / 8, found);
  }
}

uint64_t read_number(std::span<const std::byte> value, size_t offset, size_t bytes) {
  uint64_t number = 0;  // little-endian, as all hosts of ours
  std::memcpy(&number, &value[offset], bytes);
  return number;
}

Result<bpf_map_info> look_at(int map) {
  bpf_map_info info{};
  __u32 length = sizeof(info);
  if (bpf_obj_get_info_by_fd(map, &info, &length) != 0) return errno_failure("look at a BPF map", errno);
  return info;
}

}  // namespace

LayoutChange LayoutChange::between(const btf* from, unsigned from_type, const btf* to, unsigned to_type,
                                   std::span<const FormerName> renamed) {
  Fields old_fields;
  Fields new_fields;
  find_numbers(from, from_type, "", 0, old_fields);
  find_numbers(to, to_type, "", 0, new_fields);
  LayoutChange change;
  for (const auto& [name, field] : new_fields) {
    auto before = old_fields.find(name);
    if (const auto other = std::ranges::find(renamed, name, &FormerName::now);
        before == old_fields.end() && other != renamed.end())
      before = old_fields.find(std::string(other->before));
    if (before == old_fields.end()) continue;
    const size_t wide = sizeof(uint64_t);
    if (field.bytes > wide || before->second.bytes > wide) continue;
    change.numbers_.push_back({before->second.offset, before->second.bytes, field.offset, field.bytes});
  }
  return change;
}

void LayoutChange::apply(std::span<const std::byte> from, std::span<std::byte> to) const {
  for (const Number& number : numbers_) {
    const uint64_t most = number.to_bytes == sizeof(uint64_t) ? UINT64_MAX : (1ULL << (8 * number.to_bytes)) - 1;
    const uint64_t value = std::min(read_number(from, number.from, number.from_bytes), most);
    std::memcpy(&to[number.to], &value, number.to_bytes);
  }
}

Result<void> copy_entries(int old_map, int new_map, unsigned long long flags, const EntryChange& change,
                          std::span<const FormerName> renamed) {
  const bpf_map_info before = NP_TRY(look_at(old_map));
  const bpf_map_info after = NP_TRY(look_at(new_map));
  const std::string name = static_cast<const char*>(before.name);
  if (before.key_size != after.key_size) return failure("map " + name + " has keys of another size", EINVAL);
  const BtfPtr from(btf__load_from_kernel_by_id(before.btf_id));
  const BtfPtr to(btf__load_from_kernel_by_id(after.btf_id));
  if (!from || !to) return errno_failure("read the types of map " + name, errno);
  const LayoutChange layout =
      LayoutChange::between(from.get(), before.btf_value_type_id, to.get(), after.btf_value_type_id, renamed);

  std::vector<std::byte> key(before.key_size);
  std::vector<std::byte> old_value(before.value_size);
  bool first = true;
  while (bpf_map_get_next_key(old_map, first ? nullptr : key.data(), key.data()) == 0) {
    first = false;
    if (bpf_map_lookup_elem_flags(old_map, key.data(), old_value.data(), flags) != 0) continue;
    if (std::ranges::all_of(old_value, [](std::byte byte) { return byte == std::byte{}; }) &&
        before.type == BPF_MAP_TYPE_ARRAY)
      continue;
    std::vector<std::byte> value(after.value_size);
    layout.apply(old_value, value);
    if (change && !change(key, value)) continue;
    // An array that became shorter refuses what lies behind its end.
    if (bpf_map_update_elem(new_map, key.data(), value.data(), flags) != 0 && errno != E2BIG)
      return errno_failure("copy into map " + name, errno);
  }
  return {};
}

}  // namespace npanel
