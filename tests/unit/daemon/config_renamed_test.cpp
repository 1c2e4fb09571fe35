// SPDX-License-Identifier: Apache-2.0
#include "daemon/config_renamed.h"

#include <gtest/gtest.h>

#include "daemon/config_keys.h"
#include "daemon/config_layer.h"

namespace npanel {
namespace {

TEST(RenamedKeys, NoneIsAKeyAndEachNamesOne) {
  for (const auto& [former, name] : kRenamedKeys) {
    EXPECT_EQ(find_config_key(former), nullptr) << former;
    EXPECT_NE(find_config_key(name), nullptr) << name;
  }
}

TEST(RenamedKeys, AreRefusedWithTheNewNameWhereverTheyStand) {
  for (const auto& [former, name] : kRenamedKeys) {
    const std::string now = "; it is called " + std::string(name) + " now";
    const std::string file = std::string(former) + " = 1\n";
    EXPECT_EQ(parse_layer(file, "agent.toml").error().text,
              "agent.toml:1: " + std::string(former) + " is not a key of npanel-agent" + now);
    EXPECT_EQ(parse_set(std::string(former) + "=1").error().text,
              "--set: " + std::string(former) + " is not a key of npanel-agent" + now);
    const std::string variable = config_variable(former);
    EXPECT_TRUE(is_config_variable(variable)) << "or it would be another program's, and ignored";
    EXPECT_EQ(parse_variable(variable, "1").error().text, "environment " + variable +
                                                              " is not a variable of npanel-agent; it is called " +
                                                              config_variable(name) + " now");
  }
}

TEST(RenamedKeys, ASectionIsRefusedByItsFirstKey) {
  const auto layer = parse_layer("[mail]\nmta_users = [\"exim\"]\nbrake_minutes = 5\n", "agent.toml");
  ASSERT_FALSE(layer);
  EXPECT_EQ(layer.error().text,
            "agent.toml:3: mail.brake_minutes is not a key of npanel-agent; it is called mail.throttle_minutes now");
}

TEST(RenamedKeys, OthersAreNoneOfThem) {
  EXPECT_EQ(new_name_of_key("mail.logs"), std::nullopt);
  EXPECT_EQ(new_name_of_key(""), std::nullopt);
  EXPECT_EQ(new_name_of_variable("NPANEL_MAIL_LOGS"), std::nullopt);
}

}  // namespace
}  // namespace npanel
