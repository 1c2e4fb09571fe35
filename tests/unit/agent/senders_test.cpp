// SPDX-License-Identifier: Apache-2.0
#include "agent/senders.h"

#include <gtest/gtest.h>

#include "support/temp_dir.h"

namespace npanel {
namespace {

class SendersTest : public testing::Test {
 protected:
  SendersTest() {
    dir_.write("users", "mailbox7: bob\n");
    dir_.write("domains", "bob.example: bob\neve.example: eve\ngone.example: gone\n");
    config_.users_map = dir_.path("users");
    config_.domains_map = dir_.path("domains");
    senders_.configure(config_);
    senders_.know("bob", 2001, 77);
    senders_.know("eve", 2002, 78);
  }
  std::optional<std::string> find(const PolicyRequest& request) {
    return senders_.find(request, [](const std::string& name) { return name == "bob" || name == "eve"; });
  }

  const TempDir dir_;
  Config config_;
  Senders senders_;
};

TEST_F(SendersTest, KnowsALoginByTheMapByItsNameAndByItsDomain) {
  EXPECT_EQ(find({.sasl_username = "mailbox7"}), "bob");
  EXPECT_EQ(find({.sasl_username = "eve"}), "eve");
  EXPECT_EQ(find({.sasl_username = "info@EVE.example"}), "eve");
  EXPECT_EQ(find({.sasl_username = "somebody"}), std::nullopt);
}

TEST_F(SendersTest, KnowsWhoCalledSendmail) {
  EXPECT_EQ(find({.uid = 2001}), "bob");
  EXPECT_EQ(find({.uid = 33}), std::nullopt);
}

TEST_F(SendersTest, LoginGoesBeforeUidAndUidBeforeSender) {
  EXPECT_EQ(find({.sasl_username = "eve", .sender = "x@bob.example", .uid = 2001}), "eve");
  EXPECT_EQ(find({.sender = "x@eve.example", .uid = 2001}), "bob");
}

TEST_F(SendersTest, SenderCountsOnlyFromThisHostOrWithALogin) {
  EXPECT_EQ(find({.sender = "x@bob.example"}), "bob");
  EXPECT_EQ(find({.sender = "x@bob.example", .client_address = "127.0.0.1"}), "bob");
  EXPECT_EQ(find({.sender = "x@bob.example", .client_address = "192.0.2.1"}), std::nullopt);
  EXPECT_EQ(find({.sasl_username = "stranger", .sender = "x@bob.example", .client_address = "192.0.2.1"}), "bob");
}

TEST_F(SendersTest, NameOfAnAccountThatIsNotThereIsNobody) {
  EXPECT_EQ(find({.sasl_username = "x@gone.example"}), std::nullopt);
}

TEST_F(SendersTest, OnlyTheWaysThatAreConfiguredAreTried) {
  config_.account_by = {"uid"};
  senders_.configure(config_);
  EXPECT_EQ(find({.sasl_username = "bob"}), std::nullopt);
  EXPECT_EQ(find({.sasl_username = "bob", .uid = 2002}), "eve");
}

TEST_F(SendersTest, ForgetsAnAccount) {
  senders_.forget("bob");
  EXPECT_EQ(find({.uid = 2001}), std::nullopt);
  EXPECT_EQ(find({.uid = 2002}), "eve");
}

TEST_F(SendersTest, MapThatCannotBeReadIsToldOnceAndWhatWasKnownStays) {
  EXPECT_TRUE(senders_.refresh().empty());
  std::filesystem::remove(dir_.path("domains"));
  EXPECT_EQ(senders_.refresh().size(), 1U);
  EXPECT_EQ(find({.sender = "x@bob.example"}), "bob");
  dir_.write("domains", "new.example: eve\n");
  EXPECT_TRUE(senders_.refresh().empty());
  EXPECT_EQ(find({.sender = "x@new.example"}), "eve");
  EXPECT_EQ(find({.sender = "x@bob.example"}), std::nullopt);
}

}  // namespace
}  // namespace npanel
