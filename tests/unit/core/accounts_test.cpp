// SPDX-License-Identifier: Apache-2.0
#include "core/accounts.h"

#include <gtest/gtest.h>

namespace npanel {
namespace {

using Names = std::set<std::string>;

class AccountsTest : public testing::Test {
 protected:
  void add(const std::string& name, uint32_t slot, AccountState state = AccountState::active) {
    accounts.add({.name = name, .slot = slot, .state = state});
  }
  Accounts accounts;
};

TEST_F(AccountsTest, ANewAccountGetsTheFirstSlotThatIsFree) {
  EXPECT_EQ(accounts.free_slot(), 0u);
  add("ann", 0);
  add("bob", 1);
  add("eve", 3);
  EXPECT_EQ(accounts.free_slot(), 2u);
  add("joe", 2);
  EXPECT_EQ(accounts.free_slot(), 4u);
  accounts.erase("ann");
  EXPECT_EQ(accounts.free_slot(), 0u);
}

TEST_F(AccountsTest, NoSlotIsFreeWhenAllAreTaken) {
  for (uint32_t slot = 0; slot < NP_SLOTS; ++slot) accounts.withhold(slot);
  EXPECT_EQ(accounts.free_slot(), static_cast<uint32_t>(NP_SLOTS));
}

TEST_F(AccountsTest, AWithheldSlotIsGivenToNobodyAndIsNobodys) {
  add("ann", 0);
  accounts.withhold(1);
  EXPECT_EQ(accounts.free_slot(), 2u);
  EXPECT_EQ(accounts.owner_of_slot(1), std::nullopt);
  EXPECT_EQ(accounts.of_slot(1), nullptr);
  EXPECT_EQ(accounts.slots().at(1), "");
}

TEST_F(AccountsTest, ASlotThatSomebodyHasIsNotTakenAway) {
  add("ann", 0);
  accounts.withhold(0);
  EXPECT_EQ(accounts.owner_of_slot(0), "ann");
}

TEST_F(AccountsTest, AreFoundByNameAndBySlot) {
  add("bob", 7);
  EXPECT_EQ(accounts.get("bob"), accounts.of_slot(7));
  EXPECT_EQ(accounts.get("eve"), nullptr);
  EXPECT_EQ(accounts.of_slot(8), nullptr);
  const auto missing = accounts.find("eve");
  EXPECT_EQ(missing.error().code, ENOENT);
  EXPECT_NE(missing.error().text.find("\"eve\""), std::string::npos);
}

TEST_F(AccountsTest, OneThatIsBeingDeletedIsFoundAndDoesNotLast) {
  add("bob", 0);
  EXPECT_TRUE(accounts.find_lasting("bob"));
  AccountEntry& bob = *accounts.get("bob");
  Account dying = bob.account;
  dying.state = AccountState::deleting;
  accounts.set(bob, dying);
  EXPECT_TRUE(accounts.find("bob"));
  EXPECT_EQ(accounts.find_lasting("bob").error().code, EBUSY);
  EXPECT_EQ(accounts.deleting(), Names{"bob"});
  EXPECT_EQ(accounts.free_slot(), 1u) << "until it is gone";
}

TEST_F(AccountsTest, ARenamedOneKeepsItsSlotAndWhatIsAppliedAndIsFoundByItsNewName) {
  accounts.add({.name = "bob", .slot = 3}, 77).applied.writes = 5;
  const AccountEntry& bert = accounts.rename("bob", {.name = "bert", .slot = 3, .directory = "bob"});
  EXPECT_EQ(accounts.get("bob"), nullptr);
  EXPECT_EQ(accounts.get("bert"), &bert);
  EXPECT_EQ(bert.applied.writes, 5);
  EXPECT_EQ(bert.since_ns, 77u);
  EXPECT_EQ(accounts.owner_of_slot(3), "bert");
  EXPECT_EQ(accounts.in_former_directory(), Names{"bert"});
  accounts.rename("bert", {.name = "bob", .slot = 3});
  EXPECT_EQ(accounts.in_former_directory(), Names{}) << "its cgroup is called so";
}

TEST_F(AccountsTest, NothingIsLeftOfOneThatIsErased) {
  accounts.add({.name = "bob", .slot = 3, .state = AccountState::deleting, .directory = "former"});
  accounts.erase("bob");
  accounts.erase("eve");
  EXPECT_TRUE(accounts.all().empty());
  EXPECT_TRUE(accounts.slots().empty());
  EXPECT_TRUE(accounts.deleting().empty());
  EXPECT_TRUE(accounts.in_former_directory().empty());
}

TEST_F(AccountsTest, NothingIsLeftOfAnyThatAreReadAnew) {
  accounts.add({.name = "bob", .slot = 3, .state = AccountState::deleting, .directory = "former"});
  accounts.withhold(0);
  accounts.clear();
  EXPECT_TRUE(accounts.all().empty());
  EXPECT_EQ(accounts.free_slot(), 0u);
  EXPECT_TRUE(accounts.deleting().empty());
  EXPECT_TRUE(accounts.in_former_directory().empty());
}

}  // namespace
}  // namespace npanel
