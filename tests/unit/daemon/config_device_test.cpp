// SPDX-License-Identifier: Apache-2.0
#include "daemon/config_device.h"

#include <gtest/gtest.h>

#include "support/temp_dir.h"

namespace npanel {
namespace {

namespace fs = std::filesystem;

class ConfigDevice : public testing::Test {
 protected:
  void SetUp() override {
    host_.write("sys/devices/sda/sda1/partition", "1\n");
    fs::create_directories(host_.path("sys/class/block"));
    fs::create_symlink(host_.path("sys/devices/sda"), host_.path("sys/class/block/sda"));
    fs::create_symlink(host_.path("sys/devices/sda/sda1"), host_.path("sys/class/block/sda1"));
    host_.write("dev/sda", "");
    host_.write("dev/sda1", "");
    fs::create_directories(host_.path("dev/disk/by-id"));
    fs::create_symlink("../../sda1", host_.path("dev/disk/by-id/ata-x-part1"));
  }
  std::optional<std::string> disk_of(const std::string& node) {
    return disk_of_partition(node, host_.path("sys"), host_.path("dev"));
  }
  TempDir host_;
};

TEST_F(ConfigDevice, OfAPartitionIsItsDisk) {
  EXPECT_EQ(disk_of("/dev/sda1"), "/dev/sda");
  EXPECT_EQ(disk_of("/dev/disk/by-id/ata-x-part1"), "/dev/sda");
}

TEST_F(ConfigDevice, OfAWholeDeviceAndOfNoneIsNothing) {
  EXPECT_EQ(disk_of("/dev/sda"), std::nullopt);
  EXPECT_EQ(disk_of("/dev/sdz9"), std::nullopt);
  EXPECT_EQ(disk_of("/dev/../etc/passwd"), std::nullopt);
}

}  // namespace
}  // namespace npanel
