// SPDX-License-Identifier: Apache-2.0
#include "daemon/config_nearest.h"

#include <gtest/gtest.h>

namespace npanel {
namespace {

const std::vector<std::string> kNames = {"smtp.ports", "io.devices", "api.group"};

TEST(Nearest, FindsTheNameWithTheFewestDifferences) {
  EXPECT_EQ(nearest("smtp.port", kNames), "smtp.ports");
  EXPECT_EQ(nearest("smpt.ports", kNames), "smtp.ports");
  EXPECT_EQ(nearest("io.device", kNames), "io.devices");
  EXPECT_EQ(nearest("aip.group", kNames), "api.group");
}

TEST(Nearest, FindsNothingWhenNothingIsNear) {
  EXPECT_EQ(nearest("", kNames), std::nullopt);
  EXPECT_EQ(nearest("smtp", kNames), std::nullopt);
  EXPECT_EQ(nearest("smpt.prtz", kNames), std::nullopt) << "four of ten letters differ";
  EXPECT_EQ(nearest("smtp.ports", {}), std::nullopt);
  EXPECT_EQ(nearest(std::string(1 << 20, 'x'), kNames), std::nullopt);
}

}  // namespace
}  // namespace npanel
