// SPDX-License-Identifier: Apache-2.0
#include "mail/account_map.h"

#include <gtest/gtest.h>

#include "support/temp_dir.h"

namespace npanel {
namespace {

using Keys = AccountMap::Keys;

class AccountMapTest : public testing::Test {
 protected:
  AccountMap domains(const std::string& text) {
    dir_.write("domains", text);
    AccountMap map(dir_.path("domains"), Keys::domains);
    complaints_ = map.refresh();
    return map;
  }

  const TempDir dir_;
  std::vector<std::string> complaints_;
};

TEST_F(AccountMapTest, TakesBothWaysToWriteALineAndForgetsCase) {
  const AccountMap map = domains("# cPanel's way\nExample.com: bob\nexample.org  eve # hers\n\n*: nobody\n");
  EXPECT_EQ(map.find_domain("example.COM"), "bob");
  EXPECT_EQ(map.find_domain("example.org."), "eve");
  EXPECT_EQ(map.find_domain("example.net"), std::nullopt);
  EXPECT_EQ(map.find_domain(""), std::nullopt);
  EXPECT_TRUE(complaints_.empty());
}

TEST_F(AccountMapTest, LeavesOutWhatCannotBeAnAccountAndSaysWhere) {
  const AccountMap map =
      domains("a.example: bob\nb.example: ../etc\nc.example\n: eve\nd.example: .bob\nb..example: bob\n*.: bob\n");
  EXPECT_EQ(map.size(), 1U);
  ASSERT_EQ(complaints_.size(), 6U);
  EXPECT_EQ(complaints_[0], dir_.path("domains:2") + ": must be \"domain: account\"");
}

TEST_F(AccountMapTest, AccountsAreCalledAsPanelsCallThem) {
  const AccountMap map = domains("a.example: John.Doe\nb.example shop.example_x7k2\nc.example: 4you\n");
  EXPECT_EQ(map.find_domain("a.example"), "John.Doe");
  EXPECT_EQ(map.find_domain("b.example"), "shop.example_x7k2");
  EXPECT_EQ(map.find_domain("c.example"), "4you");
  EXPECT_TRUE(complaints_.empty());
}

TEST_F(AccountMapTest, ComparesDomainsAsDnsDoes) {
  const AccountMap map = domains("xn--bcher-kva.example: bob\nstraße.example.: eve\n");
  EXPECT_EQ(map.find_domain("Bücher.example"), "bob");
  EXPECT_EQ(map.find_domain("xn--strae-oqa.example"), "eve");
  EXPECT_EQ(map.find_domain("strasse.example"), std::nullopt);
}

TEST_F(AccountMapTest, StarStandsForAllBelowButWhatIsSomebodyElses) {
  const AccountMap map =
      domains("*.wild.example: bob\nann.wild.example: ann\n*.bücher.example: bob\n*.deep.wild.example: eve\n");
  EXPECT_EQ(map.find_domain("a.wild.example"), "bob");
  EXPECT_EQ(map.find_domain("a.b.Wild.example."), "bob");
  EXPECT_EQ(map.find_domain("x.xn--bcher-kva.example"), "bob");
  EXPECT_EQ(map.find_domain("x.deep.wild.example"), "eve");
  EXPECT_EQ(map.find_domain("wild.example"), std::nullopt);
  EXPECT_EQ(map.find_domain("notwild.example"), std::nullopt);
  EXPECT_EQ(map.find_domain("ann.wild.example"), "ann");
  EXPECT_EQ(map.find_domain("x.ann.wild.example"), std::nullopt) << "below ann's own, and so not bob's";
}

TEST_F(AccountMapTest, LoginsAreComparedWithoutCaseAndHoweverTheirDomainIsWritten) {
  dir_.write("users", "Mailbox7: bob\ninfo@bücher.example: eve\nnews+tag@ann.example: ann\n");
  AccountMap map(dir_.path("users"), Keys::logins);
  EXPECT_TRUE(map.refresh().empty());
  EXPECT_EQ(map.find_login("MAILBOX7"), "bob");
  for (const char* login :
       {"Info@Bücher.example", "info@xn--bcher-kva.example.", "info+bücher.example", "INFO%xn--bcher-kva.example"})
    EXPECT_EQ(map.find_login(login), "eve") << login;
  EXPECT_EQ(map.find_login("news+tag@ann.example"), "ann");
  EXPECT_EQ(map.find_login("news@ann.example"), std::nullopt);
  EXPECT_EQ(map.find_login("mailbox7@other.example"), std::nullopt);
  EXPECT_EQ(map.find_login(""), std::nullopt);
}

TEST_F(AccountMapTest, ReadsWhatHasChangedAndNothingElse) {
  AccountMap map = domains("a.example: bob\n");
  dir_.write("domains", "a.example: eve\n");
  EXPECT_TRUE(map.refresh().empty());
  EXPECT_EQ(map.find_domain("a.example"), "eve");
  dir_.write("new", "a.example: ann\n");
  std::filesystem::last_write_time(dir_.path("new"), std::filesystem::last_write_time(dir_.path("domains")));
  std::filesystem::rename(dir_.path("new"), dir_.path("domains"));
  EXPECT_TRUE(map.refresh().empty());
  EXPECT_EQ(map.find_domain("a.example"), "ann") << "another file of the same size and time";
}

TEST_F(AccountMapTest, FileThatIsNotThereIsToldOnceAndReadWhenItComes) {
  AccountMap map(dir_.path("late"), Keys::domains);
  EXPECT_EQ(map.refresh().size(), 1U);
  EXPECT_TRUE(map.refresh().empty());
  dir_.write("late", "a.example: bob\n");
  EXPECT_TRUE(map.refresh().empty());
  EXPECT_EQ(map.find_domain("a.example"), "bob");
  std::filesystem::remove(dir_.path("late"));
  EXPECT_EQ(map.refresh().size(), 1U);
  EXPECT_TRUE(map.refresh().empty());
  EXPECT_EQ(map.find_domain("a.example"), "bob") << "what was known stays";
}

TEST_F(AccountMapTest, WithoutAFileKnowsNobody) {
  AccountMap map;
  EXPECT_TRUE(map.refresh().empty());
  EXPECT_EQ(map.find_login("bob"), std::nullopt);
}

}  // namespace
}  // namespace npanel
