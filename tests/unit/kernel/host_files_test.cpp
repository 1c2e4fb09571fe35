// SPDX-License-Identifier: Apache-2.0
// What the kernel room reads in /proc and /sys, from directories that look like them.
#include <gtest/gtest.h>

#include "kernel/block_devices.h"
#include "kernel/mounts.h"
#include "support/temp_dir.h"

namespace npanel {
namespace {

TEST(BlockDevices, AreThoseWithHardwareBehindThem) {
  const TempDir sys;
  sys.write("nvme0n1/dev", "259:0\n");
  sys.write("nvme0n1/device/model", "disk\n");
  sys.write("sda/dev", "8:0\n");
  sys.write("sda/device/model", "disk\n");
  sys.write("loop0/dev", "7:0\n");
  sys.write("dm-0/dev", "253:0\n");
  sys.write("nvme0c0n1/device/model", "a path, not a disk\n");
  EXPECT_EQ(real_block_devices(sys.path()), (std::vector<std::string>{"259:0", "8:0"}));
}

TEST(BlockDevices, AreNoneWhereThereIsNoSysfs) {
  EXPECT_TRUE(real_block_devices("/nonexistent").empty());
}

TEST(BlockDevices, HaveTheirNumbersWhereTheHostsDevicesAre) {
  const TempDir host;
  const auto absent = device_number("/dev/npanel-nonexistent", host.path());
  ASSERT_FALSE(absent);
  EXPECT_EQ(absent.error().code, ENOENT);
  host.write("npanel-nonexistent", "no device");
  EXPECT_EQ(device_number("/dev/npanel-nonexistent", host.path()).error().code, ENOTBLK);
  EXPECT_EQ(device_number(host.path("npanel-nonexistent"), host.path()).error().code, ENOTBLK) << "not below /dev";
}

TEST(Mounts, GivesTheFirstOfTheType) {
  const TempDir dir;
  const std::string mounts = dir.write("mounts",
                                       "proc /proc proc rw 0 0\ncgroup /sys/fs/cgroup/cpu cgroup rw 0 0\ncgroup2 "
                                       "/sys/fs/cgroup/unified cgroup2 rw 0 0\ncgroup2 /mnt cgroup2 rw 0 0\n");
  EXPECT_EQ(find_mount("cgroup2", mounts), "/sys/fs/cgroup/unified");
  EXPECT_EQ(find_mount("bpf", mounts), std::nullopt);
}

}  // namespace
}  // namespace npanel
