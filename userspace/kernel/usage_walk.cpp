// SPDX-License-Identifier: Apache-2.0
#include "kernel/usage_walk.h"

#include <bpf/bpf.h>
#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <limits>
#include <optional>
#include <string>

#include "base/directory.h"
#include "base/file.h"
#include "kernel/bpf_object.h"
#include "model/memory_parts.h"
#include "usage.skel.h"

namespace npanel {

struct UsageWalk::Loaded {
  SkeletonPtr<np_usage_bpf> skeleton;
  MappedValues rows;
  LinkPtr link;
  UniqueFd tree = {};                   // the accounts' parent
  bool judged = false;                  // the parts of memory have been compared with memory.stat
  std::vector<UniqueFd> flushing = {};  // files of the walk's root whose read brings the figures below it up to date
  std::vector<DeviceNumber> skipped = {};
};

namespace {

// Since 6.17 (bpf/lib/compat.bpf.h). A controller that is not there has no figures either.
std::vector<UniqueFd> open_flushing(int tree_fd) {
  std::vector<UniqueFd> files;
  for (const char* name : {"memory.stat", "io.stat"})
    if (auto file = open_at(tree_fd, name, O_RDONLY)) files.push_back(std::move(*file));
  return files;
}

// memory.stat of the child with this inode; nullopt: it is gone.
std::optional<std::string> memory_stat_of(int tree_fd, uint64_t inode) {
  const auto entries = entries_of(tree_fd, ".");
  if (!entries) return std::nullopt;
  const auto child = std::ranges::find(*entries, inode, &DirectoryEntry::inode);
  const auto text = child == entries->end() ? failure("gone") : read_file_at(tree_fd, child->name + "/memory.stat");
  return text ? std::optional(*text) : std::nullopt;
}

// What is read is not wanted.
void flush(const std::vector<UniqueFd>& files) {
  std::array<char, 64> nothing{};
  for (const UniqueFd& file : files)
    if (::pread(file.get(), nothing.data(), nothing.size(), 0) < 0) continue;
}

}  // namespace

UsageWalk::UsageWalk(std::unique_ptr<Loaded> loaded) : loaded_(std::move(loaded)) {}
UsageWalk::UsageWalk(UsageWalk&&) noexcept = default;
UsageWalk& UsageWalk::operator=(UsageWalk&&) noexcept = default;
UsageWalk::~UsageWalk() = default;

Result<UsageWalk> UsageWalk::load(int tree_fd, int account_level, uint32_t most_accounts) {
  hear_libbpf();
  SkeletonPtr<np_usage_bpf> skeleton(np_usage_bpf::open());
  if (!skeleton) return libbpf_failure("open BPF usage", errno);
  skeleton->rodata->np_account_level = account_level;
  const auto page_size = static_cast<__u64>(::sysconf(_SC_PAGESIZE));
  skeleton->rodata->np_page_size = page_size;
  skeleton->rodata->np_pages_max = std::numeric_limits<int64_t>::max() / page_size;
  const KernelTypes kernel = NP_TRY(KernelTypes::read());
  skeleton->rodata->np_has_css_rstat_flush = kernel.has_function("css_rstat_flush");
  skeleton->rodata->np_has_cgroup_rstat_flush =
      !skeleton->rodata->np_has_css_rstat_flush && kernel.has_function("cgroup_rstat_flush");
  skeleton->rodata->np_has_rdonly_cast = kernel.has_function("bpf_rdonly_cast");
  bpf_map__set_max_entries(skeleton->maps.np_usage_row, most_accounts);
  if (const int error = np_usage_bpf::load(skeleton.get()); error != 0) return libbpf_failure("load BPF usage", -error);
  if (!skeleton->bss) return libbpf_failure("map the variables of BPF usage", ENOMEM);  // load() does not say

  MappedValues rows =
      NP_TRY(MappedValues::map(bpf_map__fd(skeleton->maps.np_usage_row), sizeof(np_usage), most_accounts));
  bpf_iter_link_info where{};
  where.cgroup.order = BPF_CGROUP_ITER_DESCENDANTS_PRE;
  where.cgroup.cgroup_fd = static_cast<__u32>(tree_fd);
  LIBBPF_OPTS(bpf_iter_attach_opts, options, .link_info = &where, .link_info_len = sizeof(where));
  LinkPtr link(bpf_program__attach_iter(skeleton->progs.np_usage_walk, &options));
  if (!link) return libbpf_failure("attach BPF usage", errno);
  const bool controllers_apart = skeleton->rodata->np_has_css_rstat_flush;
  auto loaded = std::make_unique<Loaded>(std::move(skeleton), std::move(rows), std::move(link));
  loaded->tree = NP_TRY(open_at(tree_fd, ".", O_RDONLY | O_DIRECTORY));
  if (controllers_apart) loaded->flushing = open_flushing(tree_fd);
  return UsageWalk(std::move(loaded));
}

Result<std::span<const np_usage>> UsageWalk::walk() {
  NP_TRY(walk_once());
  if (!loaded_->judged && !judge_parts()) NP_TRY(walk_once());
  return rows();
}

// A kernel that keeps its figures elsewhere than those that we know gives wrong ones: rather none. False: they are
// wrong.
bool UsageWalk::judge_parts() {
  const auto row = std::ranges::find_if(rows(), tells_parts);
  if (row == rows().end()) return true;
  const auto text = memory_stat_of(loaded_->tree.get(), row->cgroup_id);
  if (!text) return true;
  loaded_->judged = true;
  if (parts_agree(*row, *text)) return true;
  loaded_->skeleton->bss->np_no_parts = 1;
  return false;
}

Result<void> UsageWalk::walk_once() {
  loaded_->skeleton->bss->np_rows = 0;
  loaded_->skeleton->bss->np_rows_dropped = 0;
  flush(loaded_->flushing);
  // A cgroup iterator can be read once; a new one costs two system calls more.
  const UniqueFd iterator(bpf_iter_create(bpf_link__fd(loaded_->link.get())));
  if (!iterator.valid()) return errno_failure("bpf_iter_create", errno);
  char nothing[1];
  ssize_t got = 0;
  do {
    got = ::read(iterator.get(), nothing, sizeof(nothing));
  } while (got < 0 && (errno == EINTR || errno == EAGAIN));
  if (got < 0) return errno_failure("walk over the accounts' cgroups", errno);
  return {};
}

std::span<const np_usage> UsageWalk::rows() const {
  return loaded_->rows.as<np_usage>().first(loaded_->skeleton->bss->np_rows);
}

uint32_t UsageWalk::dropped() const {
  return loaded_->skeleton->bss->np_rows_dropped;
}

Result<void> UsageWalk::skip_devices(std::span<const DeviceNumber> devices) {
  const int map = bpf_map__fd(loaded_->skeleton->maps.np_io_skip);
  std::vector<DeviceNumber> wanted(devices.begin(), devices.end());
  wanted.resize(std::min<size_t>(wanted.size(), NP_IO_SKIP_MOST));
  if (wanted == loaded_->skipped) return {};
  for (const DeviceNumber& gone : std::exchange(loaded_->skipped, {})) {
    const uint64_t key = np_device_key(gone.major, gone.minor);
    bpf_map_delete_elem(map, &key);
  }
  for (const DeviceNumber& device : wanted) {
    const uint64_t key = np_device_key(device.major, device.minor);
    const uint8_t nothing = 0;
    if (bpf_map_update_elem(map, &key, &nothing, BPF_ANY) != 0) return errno_failure("skip device", errno);
  }
  loaded_->skeleton->bss->np_io_skipped = static_cast<uint32_t>(wanted.size());
  loaded_->skipped = std::move(wanted);
  return {};
}

std::vector<int> UsageWalk::program_fds() const {
  return program_fds_of(loaded_->skeleton->obj);
}

std::vector<int> UsageWalk::map_fds() const {
  return map_fds_of(loaded_->skeleton->obj);
}

}  // namespace npanel
