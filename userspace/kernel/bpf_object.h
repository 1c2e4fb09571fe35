// SPDX-License-Identifier: Apache-2.0
// bpf_object.h: how is a BPF skeleton opened, loaded, pinned and given back?
#pragma once

#include <bpf/btf.h>
#include <bpf/libbpf.h>

#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.h"
#include "base/unique_fd.h"
#include "kernel/pins.h"

namespace npanel {

// A generated skeleton, destroyed with its own destroy().
template <class Skeleton>
struct DestroySkeleton {
  void operator()(Skeleton* skeleton) const { Skeleton::destroy(skeleton); }
};
template <class Skeleton>
using SkeletonPtr = std::unique_ptr<Skeleton, DestroySkeleton<Skeleton>>;

// Closing an owned link detaches it unless it is pinned.
struct DestroyLink {
  void operator()(bpf_link* link) const { bpf_link__destroy(link); }
};
using LinkPtr = std::unique_ptr<bpf_link, DestroyLink>;

// From here on, what libbpf has to say is kept for the next error text of this thread; it would go to stderr otherwise.
void hear_libbpf();
// The failure of `what` with the last lines that libbpf wrote since hear_libbpf(). `code` is an errno value.
[[nodiscard]] std::unexpected<Error> libbpf_failure(const std::string& what, int code);

// The running kernel's BTF: 5 MB of memory as long as it lives.
class KernelTypes {
 public:
  static Result<KernelTypes> read();
  [[nodiscard]] bool has_function(const char* name) const;

 private:
  struct Free {
    void operator()(btf* types) const { btf__free(types); }
  };
  explicit KernelTypes(btf* types) : types_(types) {}
  std::unique_ptr<btf, Free> types_;
};

// A read-only shared mapping of an mmap-able array's values.
class MappedValues {
 public:
  static Result<MappedValues> map(int map_fd, size_t value_bytes, size_t entries);
  MappedValues(MappedValues&& other) noexcept
      : address_(std::exchange(other.address_, nullptr)), bytes_(std::exchange(other.bytes_, 0)) {}
  MappedValues(const MappedValues&) = delete;
  MappedValues& operator=(const MappedValues&) = delete;
  MappedValues& operator=(MappedValues&& other) noexcept {
    std::swap(address_, other.address_);
    std::swap(bytes_, other.bytes_);
    return *this;
  }
  ~MappedValues();

  template <class Value>
  [[nodiscard]] std::span<const Value> as() const {
    return {static_cast<const Value*>(address_), bytes_ / sizeof(Value)};
  }
  // Programs count at the same time: only to be added to, atomically.
  template <class Value>
  [[nodiscard]] std::span<Value> as() {
    return {static_cast<Value*>(address_), bytes_ / sizeof(Value)};
  }

 private:
  MappedValues(void* address, size_t bytes) : address_(address), bytes_(bytes) {}
  void* address_;
  size_t bytes_;
};

// Before the load, which then takes over what is pinned under the same name and layout, with all it holds, and pins the
// rest: so programs of several objects share a map. Only `own` is of this load alone.
void share_maps(const bpf_object* object, const Pins& pins, std::string_view own = {});

// Of a loaded object; they live as long as it does.
[[nodiscard]] std::vector<int> program_fds_of(const bpf_object* object);
[[nodiscard]] std::vector<int> map_fds_of(const bpf_object* object);

}  // namespace npanel
