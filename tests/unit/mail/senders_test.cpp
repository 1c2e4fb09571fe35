// SPDX-License-Identifier: Apache-2.0
#include "mail/senders.h"

#include <gtest/gtest.h>

#include "unit/mail/world.h"

namespace npanel {
namespace {

class SendersTest : public testing::Test {
 protected:
  Whose find(const PolicyRequest& request) const { return world_.senders.find(request); }

  World world_;
};

TEST_F(SendersTest, TellsWhoseProcessItWasWhereNoAccountOwnsIt) {
  const Whose whose = find({.uid = 33});
  EXPECT_EQ(whose.account, std::nullopt);
  EXPECT_EQ(whose.why, Nobody::process);
  EXPECT_EQ(whose.uid, 33U);
}

TEST_F(SendersTest, WhoseWordIsBelievedIsTheAdministratorsToSay) {
  const PolicyRequest relayed{.sender = "x@bob.example", .client_address = "198.51.100.7"};
  EXPECT_EQ(find(relayed).account, "bob");
  world_.config.mail_relays.clear();
  world_.senders.configure(world_.config, {kMta});
  EXPECT_EQ(find(relayed).account, std::nullopt);
  EXPECT_EQ(find(relayed).why, Nobody::outside);
}

TEST_F(SendersTest, UsersOfTheSystemAreThoseThatTheConfigurationNames) {
  EXPECT_EQ(find({.uid = kMta}).why, Nobody::system);
  world_.senders.configure(world_.config, {});
  EXPECT_EQ(find({.uid = kMta}).why, Nobody::process);
  EXPECT_EQ(find({.uid = 0}).why, Nobody::system);
}

TEST_F(SendersTest, RelayThatIsThisHostIsComplainedOf) {
  world_.config.mail_relays = {"192.0.2.10", "192.0.2.0/24", "198.51.100.7"};
  world_.senders.configure(world_.config, {});
  const auto complaints = world_.senders.refresh();
  ASSERT_EQ(complaints.size(), 1U);
  EXPECT_EQ(complaints[0].find("mail.relays: 192.0.2.10 is this host's own address"), 0U) << complaints[0];
  EXPECT_TRUE(world_.senders.refresh().empty());
  EXPECT_EQ(find({.sender = "x@bob.example", .client_address = "192.0.2.10"}).why, Nobody::unknown);
  EXPECT_EQ(find({.sender = "x@bob.example", .client_address = "192.0.2.11"}).account, "bob");
}

TEST_F(SendersTest, MapThatIsMissingIsToldOnceAndReadWhenItComes) {
  world_.config.domains_map = world_.dir_.path("late");
  world_.senders.configure(world_.config, {});
  EXPECT_EQ(world_.senders.refresh().size(), 1U);
  EXPECT_EQ(find({.sasl_username = "x@bob.example"}).why, Nobody::login);
  EXPECT_TRUE(world_.senders.refresh().empty());
  world_.dir_.write("late", "new.example: ann\n");
  EXPECT_TRUE(world_.senders.refresh().empty());
  EXPECT_EQ(find({.sasl_username = "x@new.example"}).account, "ann");
}

TEST_F(SendersTest, ReloadKeepsWhatIsKnownOfAMapThatIsAwayForAMoment) {
  std::filesystem::remove(world_.dir_.path("domains"));
  world_.senders.configure(world_.config, {});
  EXPECT_EQ(world_.senders.refresh().size(), 1U);
  EXPECT_EQ(find({.sasl_username = "x@bob.example"}).account, "bob");
}

TEST(Senders, TakeALoginForTheAccountOfThatVeryNameBeforeThatWithoutCapitals) {
  const Senders senders(
      {.exists = [](const std::string& name) { return name == "Bob" || name == "bob" || name == "j.doe"; },
       .owner_of = [](uint32_t) { return std::nullopt; },
       .slot_of_user = [](uid_t) { return std::nullopt; },
       .opener = [](const PolicyRequest&) { return std::nullopt; },
       .is_local = [](const NetAddress&) { return std::nullopt; }});
  EXPECT_EQ(senders.find({.sasl_username = "Bob"}).account, "Bob");
  EXPECT_EQ(senders.find({.sasl_username = "bob"}).account, "bob");
  EXPECT_EQ(senders.find({.sasl_username = "BOB"}).account, "bob");
  EXPECT_EQ(senders.find({.sasl_username = "J.Doe"}).account, "j.doe");
}

// Not known is not "elsewhere": a mail of this host must not pass for one from outside.
TEST(Senders, TakeAClientForThisHostWhereTheKernelDoesNotSay) {
  const Senders senders({.exists = [](const std::string&) { return true; },
                         .owner_of = [](uint32_t) { return std::nullopt; },
                         .slot_of_user = [](uid_t) { return std::nullopt; },
                         .opener = [](const PolicyRequest&) { return std::nullopt; },
                         .is_local = [](const NetAddress&) { return std::nullopt; }});
  EXPECT_EQ(senders.find({.client_address = "203.0.113.9"}).why, Nobody::unknown);
}

}  // namespace
}  // namespace npanel
