// SPDX-License-Identifier: Apache-2.0
// storage.h: at which devices does a limit on I/O hold what accounts write, and where does it not?
//
// io.max counts a request where it passes, in the name of the cgroup that it carries. A device that is made of others
// hands requests on with that name, or has threads of its own that read and write below in the kernel's name, which no
// account's limit holds. One that spreads requests over several devices would let the limit pass once at each. So the
// limit belongs to the lowest device that every request still reaches with its name; and not below it as well: a
// request that waits twice is half as fast.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "model/device.h"

namespace npanel {

enum class BlockLayer {
  hardware,  // a disk: the way ends here
  passing,   // what arrives goes on in the name of who asked
  own,       // what arrives goes on in the kernel's name, or may: nobody knows
};

// A whole device, never a partition.
struct BlockDevice {
  std::string name;  // "sda", "md0", "dm-3"
  std::string what;  // "disk", "md raid5", "LVM volume"
  BlockLayer layer = BlockLayer::own;
  std::vector<DeviceNumber> below = {};  // the whole devices that it is made of; a member that is gone is not here
};

// A file system that accounts write to.
struct WrittenTo {
  std::string at;    // where it is mounted
  std::string type;  // "ext4"
  std::vector<DeviceNumber> devices = {};
};

struct StorageFacts {
  std::map<DeviceNumber, BlockDevice> devices;  // all disks, and all that the file systems are made of
  std::vector<WrittenTo> file_systems;
};

struct StoragePlan {
  std::vector<DeviceNumber> limited;            // where io.max is set, sorted
  std::vector<DeviceNumber> counted_elsewhere;  // where the same I/O appears at another device, too, sorted
  std::vector<std::string> gaps;                // what io.max does not reach, one sentence each
};

// `only`: the devices of io.devices that are there; nullopt: where it bites.
[[nodiscard]] StoragePlan plan_io(const StorageFacts& facts, const std::optional<std::vector<DeviceNumber>>& only);

// One device of a file system, as the doctor shows it.
struct StorageLine {
  std::string path;  // "/home", "/home:md0", "/home:md0:sda"
  std::string text;  // what it is, whether it is limited, and why
  bool well = true;  // false: the limit does not hold what is written here
};
[[nodiscard]] std::vector<StorageLine> describe_io(const StorageFacts& facts, const StoragePlan& plan);

// Kinds of file systems that have no device of their own and need none: memory, and the kernel's own views.
[[nodiscard]] bool is_without_disk(std::string_view type);

}  // namespace npanel
