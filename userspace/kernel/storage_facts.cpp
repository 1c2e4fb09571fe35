// SPDX-License-Identifier: Apache-2.0
#include "kernel/storage_facts.h"

#include <algorithm>
#include <filesystem>
#include <optional>
#include <set>

#include "base/directory.h"
#include "base/file.h"
#include "base/parse.h"
#include "kernel/block_devices.h"
#include "kernel/mount_table.h"

namespace npanel {
namespace {

namespace fs = std::filesystem;

constexpr int kDeepest = 16;

std::string text_of(const fs::path& file) {
  const auto text = read_file_at(AT_FDCWD, file);
  return text ? std::string(trim(*text)) : std::string();
}

bool is_there(const fs::path& path) {
  std::error_code none;
  return fs::exists(path, none);
}

std::vector<fs::path> entries(const fs::path& directory) {
  std::vector<fs::path> found;
  const auto entries = entries_of(directory.string());
  if (!entries) return found;
  found.reserve(entries->size());
  for (const DirectoryEntry& entry : *entries) found.push_back(directory / entry.name);
  return found;
}

// "/sys/…/block/sda" of sda or of sda1; nullopt: there is no such device.
std::optional<fs::path> whole_device(const fs::path& link) {
  std::error_code failed;
  fs::path directory = fs::canonical(link, failed);
  if (failed) return std::nullopt;
  return is_there(directory / "partition") ? directory.parent_path() : directory;
}

bool is_lvm(const fs::path& device) {
  return text_of(device / "dm/uuid").starts_with("LVM-");
}

struct Layer {
  std::string what;
  BlockLayer layer;
};

Layer md_layer(const fs::path& directory) {
  const std::string level = text_of(directory / "md/level");
  const bool parity = level == "raid4" || level == "raid5" || level == "raid6";
  return {.what = "md " + level, .layer = parity ? BlockLayer::own : BlockLayer::passing};
}

// The kernel tells a mapping's table only to who may open /dev/mapper/control; its uuid says who made it, and of what
// kind. Of LVM's, those that lie on others of LVM's are RAID, thin, a cache or a snapshot.
Layer dm_layer(const fs::path& directory) {
  const std::string uuid = text_of(directory / "dm/uuid");
  for (const char* kind : {"CRYPT-LUKS", "CRYPT-PLAIN-"})
    if (uuid.starts_with(kind)) return {.what = "dm-crypt", .layer = BlockLayer::passing};
  if (uuid.starts_with("mpath-")) return {.what = "multipath", .layer = BlockLayer::passing};
  if (uuid.starts_with("part")) return {.what = "partition of a mapping", .layer = BlockLayer::passing};
  if (!is_lvm(directory)) return {.what = "mapping", .layer = BlockLayer::own};
  if (std::ranges::any_of(entries(directory / "slaves"), is_lvm))
    return {.what = "LVM volume (RAID, thin, cache or snapshot)", .layer = BlockLayer::own};
  return {.what = "LVM volume", .layer = BlockLayer::passing};
}

Layer layer_of(const fs::path& directory) {
  if (is_there(directory / "md")) return md_layer(directory);
  if (is_there(directory / "dm")) return dm_layer(directory);
  if (is_there(directory / "loop")) return {.what = "loop", .layer = BlockLayer::own};
  if (is_there(directory / "device")) return {.what = "disk", .layer = BlockLayer::hardware};
  return {.what = "device", .layer = BlockLayer::own};
}

// Where the number is none: "/dev/sda1", and of bcachefs "/dev/sda1:/dev/sdb1".
std::vector<std::string> nodes_of(const Mount& mount) {
  std::vector<std::string> nodes;
  if (mount.device.major != 0 || !mount.source.starts_with("/dev/")) return nodes;
  for (size_t at = 0; at < mount.source.size();) {
    const size_t end = std::min(mount.source.find(':', at), mount.source.size());
    nodes.push_back(mount.source.substr(at, end - at));
    at = end + 1;
  }
  return nodes;
}

// Reads what is asked for, and all that it is made of.
class Reader {
 public:
  explicit Reader(const StoragePlaces& places) : sys_(places.sys) {
    const auto table = read_file_at(AT_FDCWD, places.mounts);
    if (table) mounts_ = parse_mounts(*table);
  }

  [[nodiscard]] const std::vector<Mount>& mounts() const { return mounts_; }
  [[nodiscard]] std::map<DeviceNumber, BlockDevice> take_devices() { return std::move(devices_); }

  // The whole device behind a name of sysfs.
  std::optional<DeviceNumber> add(const fs::path& link, int depth = 0) {
    const auto directory = whole_device(link);
    const auto number = directory ? parse_device(text_of(*directory / "dev")) : std::nullopt;
    if (!number || depth == kDeepest || devices_.contains(*number)) return number;
    const Layer layer = layer_of(*directory);
    devices_[*number] = {.name = directory->filename(), .what = layer.what, .layer = layer.layer, .below = {}};
    std::set<DeviceNumber> below;
    for (const fs::path& member : entries(*directory / "slaves"))
      if (const auto found = add(member, depth + 1)) below.insert(*found);
    if (const std::string file = text_of(*directory / "loop/backing_file"); file.starts_with('/'))
      if (const Mount* mount = mount_of(mounts_, file)) below.merge(devices_of(*mount, depth + 1));
    devices_[*number].below.assign(below.begin(), below.end());
    return number;
  }

  std::set<DeviceNumber> devices_of(const Mount& mount, int depth = 0) {
    std::set<DeviceNumber> found;
    const auto take = [&](const std::optional<DeviceNumber>& number) {
      if (number) found.insert(*number);
    };
    if (depth == kDeepest) return found;
    if (const auto upper = mount.type == "overlay" ? mount.option("upperdir") : std::nullopt) {
      const Mount* holding = mount_of(mounts_, *upper);
      if (holding && holding->at != mount.at) return devices_of(*holding, depth + 1);
    }
    if (mount.device.major != 0) take(add(sys_ / "dev/block" / to_string(mount.device), depth));
    for (const std::string& node : nodes_of(mount)) take(named(node, depth));
    if (mount.type == "btrfs" && !found.empty()) add_btrfs(*found.begin(), found, depth);
    return found;
  }

 private:
  // "/dev/sda1", "/dev/mapper/vg-home".
  std::optional<DeviceNumber> named(const std::string& source, int depth) {
    const std::string name = fs::path(source).filename();
    if (is_there(sys_ / "class/block" / name)) return add(sys_ / "class/block" / name, depth);
    for (const fs::path& device : entries(sys_ / "block"))
      if (text_of(device / "dm/name") == name) return add(device, depth);
    return std::nullopt;
  }

  // All devices of the file system that has this one, whichever of them was mounted.
  void add_btrfs(const DeviceNumber& one, std::set<DeviceNumber>& found, int depth) {
    for (const fs::path& system : entries(sys_ / "fs/btrfs")) {
      std::set<DeviceNumber> members;
      for (const fs::path& device : entries(system / "devices"))
        if (const auto number = add(device, depth)) members.insert(*number);
      if (members.contains(one)) found.merge(members);
    }
  }

  fs::path sys_;
  std::vector<Mount> mounts_;
  std::map<DeviceNumber, BlockDevice> devices_;
};

// "/home" where it is a link to "/data/home": the link itself is on the root file system.
std::string followed(const std::string& path) {
  std::error_code failed;
  const fs::path target = fs::read_symlink(path, failed);
  return failed ? path : (fs::path(path).parent_path() / target).lexically_normal().string();
}

// One that is below another is looked at with it.
std::vector<std::string> places_of(const std::vector<std::string>& paths) {
  std::set<std::string> all;
  for (const std::string& path : paths) all.insert(followed(path));
  std::vector<std::string> places;
  for (const std::string& path : all)
    if (std::ranges::none_of(places, [&](const std::string& place) { return is_below(path, place); }))
      places.push_back(path);
  return places;
}

std::vector<const Mount*> written_to(const std::vector<Mount>& mounts, const std::vector<std::string>& places) {
  std::set<const Mount*> holding;
  for (const std::string& place : places) holding.insert(mount_of(mounts, place));
  std::vector<const Mount*> found;
  for (const Mount& mount : mounts) {
    const bool below = std::ranges::any_of(places, [&](const std::string& place) { return is_below(mount.at, place); });
    if ((below || holding.contains(&mount)) && mount.writable && !is_without_disk(mount.type)) found.push_back(&mount);
  }
  return found;
}

}  // namespace

StorageFacts storage_facts(const std::vector<std::string>& paths, const StoragePlaces& places) {
  Reader reader(places);
  StorageFacts facts;
  std::set<std::pair<DeviceNumber, std::string>> seen;  // a bind mount is one we know
  for (const Mount* mount : written_to(reader.mounts(), places_of(paths))) {
    if (!seen.emplace(mount->device, mount->source).second) continue;
    const auto devices = reader.devices_of(*mount);
    facts.file_systems.push_back({.at = mount->at, .type = mount->type, .devices = {devices.begin(), devices.end()}});
  }
  for (const std::string& disk : real_block_devices(places.sys + "/block"))
    reader.add(fs::path(places.sys) / "dev/block" / disk);
  facts.devices = reader.take_devices();
  return facts;
}

}  // namespace npanel
