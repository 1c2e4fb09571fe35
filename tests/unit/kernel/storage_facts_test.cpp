// SPDX-License-Identifier: Apache-2.0
// What file systems are made of, from a /sys and a mount table that look like a host's.
#include "kernel/storage_facts.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "kernel/mount_table.h"
#include "support/temp_dir.h"

namespace npanel {
namespace {

namespace fs = std::filesystem;

using Numbers = std::vector<DeviceNumber>;

class Storage : public testing::Test {
 protected:
  void SetUp() override {
    disk("sda", "8:0");
    part("sda", "sda1", "8:1");
    part("sda", "sda2", "8:2");
    disk("sdb", "8:16");
    part("sdb", "sdb1", "8:17");
  }

  // Devices lie somewhere in /sys/devices, and are linked from three places.
  void node(const std::string& name, const std::string& number, const std::string& directory) {
    host_.write(directory + "/dev", number + "\n");
    link(directory, "sys/class/block/" + name);
    link(directory, "sys/dev/block/" + number);
  }
  void device(const std::string& name, const std::string& number) {
    node(name, number, "sys/devices/" + name);
    link("sys/devices/" + name, "sys/block/" + name);
  }
  void disk(const std::string& name, const std::string& number) {
    device(name, number);
    host_.write("sys/devices/" + name + "/device/model", "disk\n");
  }
  void part(const std::string& disk, const std::string& name, const std::string& number) {
    node(name, number, "sys/devices/" + disk + "/" + name);
    host_.write("sys/devices/" + disk + "/" + name + "/partition", "1\n");
  }
  void made_of(const std::string& name, const std::vector<std::string>& members) {
    const std::string slaves = "sys/devices/" + name + "/slaves/";
    for (const std::string& member : members) link("sys/class/block/" + member, slaves + member);
  }
  void md(const std::string& level) {
    device("md0", "9:0");
    host_.write("sys/devices/md0/md/level", level + "\n");
    made_of("md0", {"sda2", "sdb1"});
  }
  void dm(const std::string& name, const std::string& number, const std::string& uuid,
          const std::vector<std::string>& members) {
    device(name, number);
    host_.write("sys/devices/" + name + "/dm/uuid", uuid + "\n");
    host_.write("sys/devices/" + name + "/dm/name", "vg-" + name + "\n");
    made_of(name, members);
  }
  void link(const std::string& to, const std::string& at) {
    fs::create_directories(fs::path(host_.path(at)).parent_path());
    fs::create_symlink(host_.path(to), host_.path(at));
  }

  StorageFacts facts(const std::string& mounts, const std::vector<std::string>& paths = {"/home"}) {
    return storage_facts(paths, {.sys = host_.path("sys"), .mounts = host_.write("mountinfo", mounts)});
  }
  // The one file system of a mount table with one.
  static WrittenTo only(const StorageFacts& found) {
    EXPECT_EQ(found.file_systems.size(), 1u);
    return found.file_systems.empty() ? WrittenTo{} : found.file_systems.front();
  }

  TempDir host_;
};

constexpr DeviceNumber kSda{8, 0}, kSdb{8, 16}, kMd{9, 0}, kDm{253, 0}, kDm1{253, 1}, kLoop{7, 0};

TEST_F(Storage, OfAPartitionIsTheWholeDisk) {
  const auto found = facts("30 1 8:1 / / rw,relatime shared:1 - ext4 /dev/sda1 rw\n");
  EXPECT_EQ(only(found).at, "/");
  EXPECT_EQ(only(found).devices, Numbers{kSda});
  EXPECT_EQ(found.devices.at(kSda).layer, BlockLayer::hardware);
  EXPECT_TRUE(found.devices.contains(kSdb)) << "disks that carry no file system are limited, too";
}

TEST_F(Storage, OfParityIsTheArrayAndItsWholeDisks) {
  md("raid5");
  const auto found = facts("30 1 9:0 / /home rw - ext4 /dev/md0 rw\n");
  EXPECT_EQ(only(found).devices, Numbers{kMd});
  EXPECT_EQ(found.devices.at(kMd).what, "md raid5");
  EXPECT_EQ(found.devices.at(kMd).layer, BlockLayer::own);
  EXPECT_EQ(found.devices.at(kMd).below, (Numbers{kSda, kSdb}));
}

TEST_F(Storage, OfAMirrorPassesOn) {
  md("raid1");
  EXPECT_EQ(facts("30 1 9:0 / /home rw - ext4 /dev/md0 rw\n").devices.at(kMd).layer, BlockLayer::passing);
}

TEST_F(Storage, OfAVolumePassesOnUnlessItLiesOnOthers) {
  dm("dm-1", "253:1", "LVM-abcdef", {"sdb1"});
  dm("dm-0", "253:0", "LVM-abcxyz", {"dm-1"});
  auto found = facts("30 1 253:1 / /home rw - ext4 /dev/mapper/vg-dm--1 rw\n");
  EXPECT_EQ(found.devices.at(kDm1).layer, BlockLayer::passing);
  found = facts("30 1 253:0 / /home rw - ext4 /dev/mapper/vg-dm--0 rw\n");
  EXPECT_EQ(found.devices.at(kDm).layer, BlockLayer::own) << "thin, cached or RAID";
  EXPECT_EQ(found.devices.at(kDm).below, Numbers{kDm1});
}

TEST_F(Storage, OfAMappingThatNobodyKnowsKeepsNoNames) {
  dm("dm-0", "253:0", "", {"sda2"});
  EXPECT_EQ(facts("30 1 253:0 / /home rw - ext4 /dev/mapper/x rw\n").devices.at(kDm).layer, BlockLayer::own);
}

TEST_F(Storage, OfAnEncryptedDiskPassesOnButNotItsIntegrity) {
  dm("dm-0", "253:0", "CRYPT-LUKS2-abc-home", {"sda2"});
  dm("dm-1", "253:1", "CRYPT-INTEGRITY-x", {"sdb1"});
  EXPECT_EQ(facts("30 1 253:0 / /home rw - ext4 /dev/mapper/home rw\n").devices.at(kDm).layer, BlockLayer::passing);
  EXPECT_EQ(facts("30 1 253:1 / /home rw - ext4 /dev/mapper/x rw\n").devices.at(kDm1).layer, BlockLayer::own);
}

TEST_F(Storage, OfALoopLiesOnTheFileSystemOfItsFile) {
  device("loop0", "7:0");
  host_.write("sys/devices/loop0/loop/backing_file", "/data/home.img\n");
  const auto found = facts("29 1 8:17 / /data rw - ext4 /dev/sdb1 rw\n30 1 7:0 / /home rw - ext4 /dev/loop0 rw\n");
  EXPECT_EQ(only(found).devices, Numbers{kLoop});
  EXPECT_EQ(found.devices.at(kLoop).below, Numbers{kSdb});
}

TEST_F(Storage, OfBtrfsIsAllItsDevicesWhicheverWasMounted) {
  const std::string members = "sys/fs/btrfs/1234/devices/";
  link("sys/class/block/sda2", members + "sda2");
  link("sys/class/block/sdb1", members + "sdb1");
  EXPECT_EQ(only(facts("30 1 0:41 /sub /home rw - btrfs /dev/sdb1 rw,subvol=/sub\n")).devices, (Numbers{kSda, kSdb}));
}

TEST_F(Storage, OfAnAnonymousDeviceIsFoundByItsMapping) {
  dm("dm-0", "253:0", "LVM-abc", {"sda2"});
  EXPECT_EQ(only(facts("30 1 0:41 / /home rw - btrfs /dev/mapper/vg-dm-0 rw\n")).devices, Numbers{kDm});
}

TEST_F(Storage, OfAnOverlayIsThatOfItsUpperDirectory) {
  const auto found = facts(
      "28 1 8:1 / / rw - ext4 /dev/sda1 rw\n29 28 8:17 / /data rw - ext4 /dev/sdb1 rw\n"
      "30 28 0:50 / /home rw - overlay overlay rw,lowerdir=/lower,upperdir=/data/up,workdir=/data/w\n");
  EXPECT_EQ(only(found).type, "overlay");
  EXPECT_EQ(only(found).devices, Numbers{kSdb});
}

TEST_F(Storage, OfANetworkIsNoDevice) {
  EXPECT_TRUE(only(facts("30 1 0:60 / /home rw - nfs4 server:/home rw,vers=4.2\n")).devices.empty());
}

TEST_F(Storage, IsThatOfThePathsAndOfWhatIsMountedBelow) {
  const auto found = facts(
      "28 1 8:1 / / rw - ext4 /dev/sda1 rw\n29 28 8:2 / /data rw - ext4 /dev/sda2 rw\n"
      "30 28 8:17 / /home/bob rw - ext4 /dev/sdb1 rw\n31 28 0:5 / /home/ann/tmp rw - tmpfs tmpfs rw\n"
      "32 28 9:9 / /home/old ro - ext4 /dev/md9 ro\n",
      {"/home", "/home/bob/www"});
  std::vector<std::string> at;
  for (const WrittenTo& written : found.file_systems) at.push_back(written.at);
  EXPECT_EQ(at, (std::vector<std::string>{"/", "/home/bob"})) << "memory, and what is read-only, is not";
}

TEST_F(Storage, OfABindMountIsNamedOnce) {
  const auto found =
      facts("28 1 8:1 / / rw - ext4 /dev/sda1 rw\n30 28 8:1 /jail/home /home/bob rw - ext4 /dev/sda1 rw\n");
  EXPECT_EQ(only(found).at, "/");
}

TEST_F(Storage, OfADiskThatWasPulledIsNotThere) {
  EXPECT_TRUE(only(facts("30 1 8:99 / /home rw - ext4 /dev/sdz1 rw\n")).devices.empty());
}

TEST(MountTable, TakesApartWhatTheKernelWrites) {
  const auto mounts = parse_mounts(
      "36 35 98:0 /mnt1 /mnt\\0402 rw,noatime master:1 shared:2 - ext3 /dev/root ro,errors=continue\n"
      "37 35 8:1 / /x rw - ext4 /dev/sda1 rw\nno line of this kind\n");
  ASSERT_EQ(mounts.size(), 2u);
  EXPECT_EQ(mounts[0].at, "/mnt 2");
  EXPECT_EQ(mounts[0].type, "ext3");
  EXPECT_EQ(mounts[0].option("errors"), "continue");
  EXPECT_EQ(mounts[0].option("error"), std::nullopt);
  EXPECT_FALSE(mounts[0].writable);
  EXPECT_TRUE(mounts[1].writable);
}

TEST(MountTable, TakesTheNearestAndTheLatest) {
  const auto mounts = parse_mounts(
      "1 0 8:1 / / rw - ext4 a rw\n2 1 8:2 / /home rw - ext4 b rw\n"
      "3 1 8:3 / /home rw - ext4 c rw\n4 1 8:4 / /home2 rw - ext4 d rw\n");
  EXPECT_EQ(mount_of(mounts, "/home/bob")->source, "c");
  EXPECT_EQ(mount_of(mounts, "/home2")->source, "d");
  EXPECT_EQ(mount_of(mounts, "/homes")->source, "a");
  EXPECT_EQ(mount_of({}, "/"), nullptr);
}

}  // namespace
}  // namespace npanel
