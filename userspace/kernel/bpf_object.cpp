// SPDX-License-Identifier: Apache-2.0
#include "kernel/bpf_object.h"

#include <sys/mman.h>
#include <unistd.h>

#include <cstdarg>
#include <cstdio>

#include "base/parse.h"

namespace npanel {
namespace {

constexpr size_t kTailBytes = 2000;  // the verifier's last lines say what it did not like

thread_local std::string log_tail;

int keep(libbpf_print_level level, const char* format, va_list args) {
  if (level == LIBBPF_DEBUG) return 0;
  char line[1024];
  const int length = std::vsnprintf(line, sizeof(line), format, args);
  log_tail += line;
  if (log_tail.size() > kTailBytes) log_tail.erase(0, log_tail.size() - kTailBytes);
  return length;
}

}  // namespace

void hear_libbpf() {
  log_tail.clear();
  libbpf_set_print(keep);
}

std::unexpected<Error> libbpf_failure(const std::string& what, int code) {
  auto error = errno_failure(what, code);
  if (const auto said = trim(log_tail); !said.empty())
    error.error().text += std::string(" (") + std::string(said) + ")";
  return error;
}

Result<KernelTypes> KernelTypes::read() {
  if (btf* types = btf__load_vmlinux_btf()) return KernelTypes(types);
  return libbpf_failure("read the kernel's types (/sys/kernel/btf/vmlinux)", errno);
}

bool KernelTypes::has_function(const char* name) const {
  return btf__find_by_name_kind(types_.get(), name, BTF_KIND_FUNC) > 0;
}

Result<MappedValues> MappedValues::map(int map_fd, size_t value_bytes, size_t entries) {
  const auto page = static_cast<size_t>(::sysconf(_SC_PAGESIZE));
  const size_t bytes = value_bytes * entries;
  void* address = ::mmap(nullptr, (bytes + page - 1) / page * page, PROT_READ | PROT_WRITE, MAP_SHARED, map_fd, 0);
  if (address == MAP_FAILED) return errno_failure("mmap of a BPF array", errno);
  return MappedValues(address, bytes);
}

MappedValues::~MappedValues() {
  const auto page = static_cast<size_t>(::sysconf(_SC_PAGESIZE));
  if (address_) ::munmap(address_, (bytes_ + page - 1) / page * page);
}

void share_maps(const bpf_object* object, const Pins& pins, std::string_view own) {
  bpf_map* map = nullptr;
  bpf_object__for_each_map(map, object) {
    const std::string name = bpf_map__name(map);
    if (!bpf_map__is_internal(map) && name != own) bpf_map__set_pin_path(map, pins.path(name).c_str());
  }
}

std::vector<int> program_fds_of(const bpf_object* object) {
  std::vector<int> fds;
  bpf_program* program = nullptr;
  bpf_object__for_each_program(program, object) {
    if (const int fd = bpf_program__fd(program); fd >= 0) fds.push_back(fd);
  }
  return fds;
}

std::vector<int> map_fds_of(const bpf_object* object) {
  std::vector<int> fds;
  bpf_map* map = nullptr;
  bpf_object__for_each_map(map, object) {
    if (const int fd = bpf_map__fd(map); fd >= 0) fds.push_back(fd);
  }
  return fds;
}

}  // namespace npanel
