// SPDX-License-Identifier: Apache-2.0
#include "model/storage.h"

#include <algorithm>
#include <array>
#include <iterator>
#include <set>

namespace npanel {
namespace {

using Numbers = std::set<DeviceNumber>;

// Deeper than anybody stacks devices: a ring of them is the fault of whoever read it.
constexpr int kDeepest = 16;

const BlockDevice* find(const StorageFacts& facts, const DeviceNumber& number) {
  const auto found = facts.devices.find(number);
  return found == facts.devices.end() ? nullptr : &found->second;
}

std::string name_of(const StorageFacts& facts, const DeviceNumber& number) {
  const BlockDevice* device = find(facts, number);
  return device ? device->name : to_string(number);
}

// Does every request that arrives here arrive at one device below, with its name?
bool passes_on(const BlockDevice* device) {
  return device && device->layer == BlockLayer::passing && device->below.size() == 1;
}

void add_bite(const StorageFacts& facts, const DeviceNumber& number, int depth, Numbers& bites) {
  const BlockDevice* device = find(facts, number);
  if (!passes_on(device) || depth == kDeepest) {
    bites.insert(number);
    return;
  }
  add_bite(facts, device->below.front(), depth + 1, bites);
}

bool is_limited(const StorageFacts& facts, const Numbers& limited, const DeviceNumber& number, int depth = 0) {
  if (limited.contains(number)) return true;
  const BlockDevice* device = find(facts, number);
  return passes_on(device) && depth < kDeepest && is_limited(facts, limited, device->below.front(), depth + 1);
}

Numbers limited_of(const StoragePlan& plan) {
  return {plan.limited.begin(), plan.limited.end()};
}

void add_all(const StorageFacts& facts, const DeviceNumber& number, int depth, Numbers& all) {
  if (!all.insert(number).second || depth >= kDeepest) return;
  if (const BlockDevice* device = find(facts, number))
    for (const DeviceNumber& below : device->below) add_all(facts, below, depth + 1, all);
}

// The ways from the file systems down, as far as requests keep their names; what lies below the last one, apart.
void follow(const StorageFacts& facts, const DeviceNumber& number, int depth, Numbers& named, Numbers& beneath) {
  named.insert(number);
  const BlockDevice* device = find(facts, number);
  if (!device || depth == kDeepest) return;
  for (const DeviceNumber& below : device->below) {
    if (passes_on(device))
      follow(facts, below, depth + 1, named, beneath);
    else
      add_all(facts, below, depth + 1, beneath);
  }
}

// What lies only below devices where the limit bites.
Numbers beneath_bites(const StorageFacts& facts) {
  Numbers named;
  Numbers beneath;
  for (const WrittenTo& fs : facts.file_systems)
    for (const DeviceNumber& device : fs.devices) follow(facts, device, 0, named, beneath);
  Numbers only;
  std::ranges::set_difference(beneath, named, std::inserter(only, only.end()));
  return only;
}

Numbers bites_of(const StorageFacts& facts) {
  Numbers bites;
  const Numbers beneath = beneath_bites(facts);
  for (const auto& [number, device] : facts.devices)
    if (device.layer == BlockLayer::hardware && !beneath.contains(number)) bites.insert(number);
  for (const WrittenTo& fs : facts.file_systems)
    for (const DeviceNumber& device : fs.devices) add_bite(facts, device, 0, bites);
  return bites;
}

std::vector<DeviceNumber> counted_elsewhere(const StorageFacts& facts) {
  Numbers elsewhere = beneath_bites(facts);
  for (const auto& [number, device] : facts.devices)
    if (passes_on(&device)) elsewhere.insert(number);
  return {elsewhere.begin(), elsewhere.end()};
}

bool is_one_of(std::string_view word, const auto& words) {
  return std::ranges::find(words, word) != words.end();
}

// Those that write what is in the page cache in the name of who made it dirty (SB_I_CGROUPWB).
bool has_cgroup_writeback(std::string_view type) {
  constexpr std::array<std::string_view, 6> kTypes = {"btrfs", "ext2", "ext3", "ext4", "f2fs", "xfs"};
  return is_one_of(type, kTypes) || type == "overlay";
}

// Why the file system is not limited; empty: it is.
std::string gap_of(const StorageFacts& facts, const Numbers& limited, const WrittenTo& fs) {
  if (fs.type == "zfs") return "zfs reads and writes with threads of its own, so io.max does not reach it";
  if (fs.type.starts_with("fuse")) return "a process reads and writes for " + fs.type + ", so io.max does not reach it";
  if (fs.devices.empty()) return fs.type + " is on no block device of this host, so io.max does not reach it";
  std::string missing;
  for (const DeviceNumber& device : fs.devices)
    if (!is_limited(facts, limited, device)) missing += (missing.empty() ? "" : ", ") + name_of(facts, device);
  if (!missing.empty()) return "it is on " + missing + ", which io.devices does not name";
  if (fs.devices.size() > 1)
    return fs.type + " spreads over " + std::to_string(fs.devices.size()) +
           " devices, each of which is limited: together they may reach as many times the limit";
  if (!has_cgroup_writeback(fs.type))
    return fs.type + " writes its page cache in the kernel's name: only reads and direct writes are limited";
  return {};
}

std::string why(const BlockDevice& device, bool here, bool held) {
  if (!held) return "not limited";
  if (!here) return "limited below, where requests keep their names";
  if (device.below.empty()) return "limited here";
  return device.layer == BlockLayer::own ? "limited here, for what it is made of is written in the kernel's name"
                                         : "limited here, for it spreads requests over what it is made of";
}

// `named`: requests that come from the file system still carry the name of who asked.
void describe(const StorageFacts& facts, const Numbers& limited, const DeviceNumber& number, const std::string& above,
              bool named, std::vector<StorageLine>& lines, int depth = 0) {
  const BlockDevice* device = find(facts, number);
  if (!device || depth == kDeepest) return;
  const std::string path = above + ":" + device->name;
  const bool held = !named || is_limited(facts, limited, number);
  const std::string limit =
      named ? why(*device, limited.contains(number), held) : "what comes from above is limited there";
  lines.push_back({.path = path, .text = device->what + " " + to_string(number) + ", " + limit, .well = held});
  for (const DeviceNumber& below : device->below)
    describe(facts, limited, below, path, named && passes_on(device), lines, depth + 1);
}

}  // namespace

bool is_without_disk(std::string_view type) {
  constexpr std::array<std::string_view, 26> kTypes = {
      "autofs",     "binfmt_misc", "bpf",       "cgroup",   "cgroup2", "configfs", "debugfs", "devpts", "devtmpfs",
      "efivarfs",   "fusectl",     "hugetlbfs", "iso9660",  "mqueue",  "nsfs",     "proc",    "pstore", "ramfs",
      "rpc_pipefs", "securityfs",  "selinuxfs", "squashfs", "sysfs",   "tmpfs",    "tracefs", "erofs"};
  return is_one_of(type, kTypes);
}

StoragePlan plan_io(const StorageFacts& facts, const std::optional<std::vector<DeviceNumber>>& only) {
  const Numbers limited = only ? Numbers(only->begin(), only->end()) : bites_of(facts);
  StoragePlan plan{
      .limited = {limited.begin(), limited.end()}, .counted_elsewhere = counted_elsewhere(facts), .gaps = {}};
  for (const WrittenTo& fs : facts.file_systems)
    if (std::string gap = gap_of(facts, limited, fs); !gap.empty()) plan.gaps.push_back(fs.at + ": " + gap);
  return plan;
}

std::vector<StorageLine> describe_io(const StorageFacts& facts, const StoragePlan& plan) {
  const Numbers limited = limited_of(plan);
  std::vector<StorageLine> lines;
  for (const WrittenTo& fs : facts.file_systems) {
    const std::string gap = gap_of(facts, limited, fs);
    lines.push_back({.path = fs.at, .text = fs.type + ", " + (gap.empty() ? "limited" : gap), .well = gap.empty()});
    for (const DeviceNumber& device : fs.devices) describe(facts, limited, device, fs.at, true, lines);
  }
  return lines;
}

}  // namespace npanel
