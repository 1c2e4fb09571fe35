// SPDX-License-Identifier: Apache-2.0
#include "model/storage.h"

#include <gtest/gtest.h>

namespace npanel {
namespace {

constexpr DeviceNumber kSda{8, 0}, kSdb{8, 16}, kSdc{8, 32}, kMd{9, 0}, kDm{253, 0}, kDm1{253, 1};

using Numbers = std::vector<DeviceNumber>;

StorageFacts disks() {
  return {.devices = {{kSda, {.name = "sda", .what = "disk", .layer = BlockLayer::hardware}},
                      {kSdb, {.name = "sdb", .what = "disk", .layer = BlockLayer::hardware}},
                      {kSdc, {.name = "sdc", .what = "disk", .layer = BlockLayer::hardware}}},
          .file_systems = {}};
}

StorageFacts home_on(const DeviceNumber& device, const BlockDevice& is) {
  StorageFacts facts = disks();
  facts.devices[device] = is;
  facts.file_systems.push_back({.at = "/home", .type = "ext4", .devices = {device}});
  return facts;
}

BlockDevice raid(const std::string& level, BlockLayer layer) {
  return {.name = "md0", .what = "md " + level, .layer = layer, .below = {kSda, kSdb}};
}

BlockDevice volume_on(const DeviceNumber& below) {
  return {.name = "dm-0", .what = "LVM volume", .layer = BlockLayer::passing, .below = {below}};
}

std::string text_of(const std::vector<StorageLine>& lines, const std::string& path) {
  for (const StorageLine& line : lines)
    if (line.path == path) return line.text;
  return "absent";
}

TEST(Storage, IsLimitedAtTheDisks) {
  EXPECT_EQ(plan_io(disks(), std::nullopt).limited, (Numbers{kSda, kSdb, kSdc}));
}

TEST(Storage, OfAMirrorIsLimitedAtTheArrayForItsDisksShareWhatIsRead) {
  const auto plan = plan_io(home_on(kMd, raid("raid1", BlockLayer::passing)), std::nullopt);
  EXPECT_EQ(plan.limited, (Numbers{kSdc, kMd})) << "not at its disks as well: who waits twice is half as fast";
  EXPECT_EQ(plan.counted_elsewhere, (Numbers{kSda, kSdb}));
  EXPECT_TRUE(plan.gaps.empty());
}

TEST(Storage, OfAVolumeIsLimitedAndCountedAtItsDisk) {
  const auto plan = plan_io(home_on(kDm, volume_on(kSda)), std::nullopt);
  EXPECT_EQ(plan.limited, (Numbers{kSda, kSdb, kSdc}));
  EXPECT_EQ(plan.counted_elsewhere, Numbers{kDm}) << "what is written is in io.stat of the disk, too";
  EXPECT_TRUE(plan.gaps.empty());
}

TEST(Storage, OfAVolumeOverSeveralDisksIsLimitedAtTheVolume) {
  const auto plan =
      plan_io(home_on(kDm, {.name = "dm-0", .what = "LVM volume", .layer = BlockLayer::passing, .below = {kSda, kSdb}}),
              std::nullopt);
  EXPECT_EQ(plan.limited, (Numbers{kSdc, kDm}));
}

TEST(Storage, OfParityIsLimitedAtTheArrayForItsDisksAreWrittenByTheKernel) {
  const auto plan = plan_io(home_on(kMd, raid("raid5", BlockLayer::own)), std::nullopt);
  EXPECT_EQ(plan.limited, (Numbers{kSdc, kMd}));
  EXPECT_EQ(plan.counted_elsewhere, (Numbers{kSda, kSdb})) << "what is read past the array's cache carries its name";
  EXPECT_TRUE(plan.gaps.empty());
}

TEST(Storage, OfAVolumeOnParityIsLimitedAtTheArray) {
  StorageFacts facts = home_on(kDm, volume_on(kMd));
  facts.devices[kMd] = raid("raid6", BlockLayer::own);
  const auto plan = plan_io(facts, std::nullopt);
  EXPECT_EQ(plan.limited, (Numbers{kSdc, kMd}));
  EXPECT_EQ(plan.counted_elsewhere, (Numbers{kSda, kSdb, kDm}));
}

TEST(Storage, OfSeveralDevicesIsLimitedAtEachAndSaysSo) {
  StorageFacts facts = disks();
  facts.file_systems.push_back({.at = "/home", .type = "btrfs", .devices = {kSdb, kSdc}});
  EXPECT_EQ(
      plan_io(facts, std::nullopt).gaps,
      (std::vector<std::string>{"/home: btrfs spreads over 2 devices, each of which is limited: together they may "
                                "reach as many times the limit"}));
  EXPECT_EQ(plan_io(facts, Numbers{kSdb}).gaps,
            (std::vector<std::string>{"/home: it is on sdc, which io.devices does not name"}));
}

TEST(Storage, IsCountedAtADiskThatIsAlsoUsedDirectly) {
  StorageFacts facts = home_on(kMd, raid("raid5", BlockLayer::own));
  facts.file_systems.push_back({.at = "/tmp", .type = "ext4", .devices = {kSda}});
  EXPECT_EQ(plan_io(facts, std::nullopt).counted_elsewhere, Numbers{kSdb});
  EXPECT_EQ(plan_io(facts, std::nullopt).limited, (Numbers{kSda, kSdc, kMd}));
}

TEST(Storage, IsLimitedByWhatTheConfigurationNamesAboveAsWellAsBelow) {
  const StorageFacts facts = home_on(kDm, volume_on(kSda));
  EXPECT_TRUE(plan_io(facts, Numbers{kDm}).gaps.empty());
  EXPECT_TRUE(plan_io(facts, Numbers{kSda}).gaps.empty());
  EXPECT_EQ(plan_io(facts, Numbers{kSdb}).gaps.size(), 1u);
  EXPECT_EQ(plan_io(facts, Numbers{}).gaps.size(), 1u) << "all that are named are gone";
}

TEST(Storage, SaysWhatIoMaxDoesNotReach) {
  StorageFacts facts = disks();
  facts.file_systems = {{.at = "/home", .type = "nfs4", .devices = {}},
                        {.at = "/srv", .type = "zfs", .devices = {}},
                        {.at = "/mnt", .type = "fuseblk", .devices = {kSda}},
                        {.at = "/tmp", .type = "vfat", .devices = {kSda}}};
  EXPECT_EQ(plan_io(facts, std::nullopt).gaps,
            (std::vector<std::string>{
                "/home: nfs4 is on no block device of this host, so io.max does not reach it",
                "/srv: zfs reads and writes with threads of its own, so io.max does not reach it",
                "/mnt: a process reads and writes for fuseblk, so io.max does not reach it",
                "/tmp: vfat writes its page cache in the kernel's name: only reads and direct writes are limited"}));
}

TEST(Storage, IsNotWalkedInARing) {
  StorageFacts facts = home_on(kDm, volume_on(kDm1));
  facts.devices[kDm1] = volume_on(kDm);
  EXPECT_FALSE(plan_io(facts, std::nullopt).limited.empty());
  EXPECT_FALSE(describe_io(facts, plan_io(facts, std::nullopt)).empty());
}

TEST(Storage, IsShownAsATreeThatSaysWhereTheLimitHolds) {
  StorageFacts facts = home_on(kDm, volume_on(kMd));
  facts.devices[kMd] = raid("raid5", BlockLayer::own);
  const auto lines = describe_io(facts, plan_io(facts, std::nullopt));
  EXPECT_EQ(text_of(lines, "/home"), "ext4, limited");
  EXPECT_EQ(text_of(lines, "/home:dm-0"), "LVM volume 253:0, limited below, where requests keep their names");
  EXPECT_EQ(text_of(lines, "/home:dm-0:md0"),
            "md raid5 9:0, limited here, for what it is made of is written in the kernel's name");
  EXPECT_EQ(text_of(lines, "/home:dm-0:md0:sda"), "disk 8:0, what comes from above is limited there");
}

TEST(Storage, IsShownWhereNothingLimitsIt) {
  const StorageFacts facts = home_on(kMd, raid("raid5", BlockLayer::own));
  const auto lines = describe_io(facts, plan_io(facts, Numbers{kSda, kSdb}));
  EXPECT_EQ(text_of(lines, "/home"), "ext4, it is on md0, which io.devices does not name");
  EXPECT_EQ(text_of(lines, "/home:md0"), "md raid5 9:0, not limited");
  EXPECT_FALSE(lines.front().well);
}

TEST(Device, IsTwoNumbers) {
  EXPECT_EQ(parse_device("259:12"), (DeviceNumber{259, 12}));
  EXPECT_EQ(to_string(DeviceNumber{259, 12}), "259:12");
  for (const char* text : {"", ":", "8:", ":1", "8", "8:1:2", "8:-1", "4294967296:0", "a:b"})
    EXPECT_EQ(parse_device(text), std::nullopt) << text;
}

}  // namespace
}  // namespace npanel
