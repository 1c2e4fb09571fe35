// SPDX-License-Identifier: Apache-2.0
#include "store/migrate.h"

#include <gtest/gtest.h>

#include <set>

namespace npanel {
namespace {

constexpr Migration kFirst{1, "0001_one", "aa", "CREATE TABLE one (x INTEGER)"};
constexpr Migration kSecond{2, "0002_two", "bb", "CREATE TABLE two (x INTEGER); INSERT INTO two VALUES (7)"};
constexpr Migration kBroken{2, "0002_two", "cc", "CREATE TABLE two (x INTEGER); INSERT INTO nowhere VALUES (7)"};

class Migrate : public testing::Test {
 protected:
  SQLite::Database database_{":memory:", SQLite::OPEN_READWRITE | SQLite::OPEN_CREATE};
};

TEST_F(Migrate, RunsOnlyWhatTheDatabaseHasNotSeen) {
  ASSERT_TRUE(migrate(database_, std::vector{kFirst}));
  ASSERT_TRUE(migrate(database_, std::vector{kFirst, kSecond}));
  ASSERT_TRUE(migrate(database_, std::vector{kFirst, kSecond}));
  EXPECT_EQ(database_.execAndGet("SELECT count(*) FROM two").getInt(), 1);
}

TEST_F(Migrate, RefusesANewerDatabase) {
  ASSERT_TRUE(migrate(database_, std::vector{kFirst, kSecond}));
  const auto older_program = migrate(database_, std::vector{kFirst});
  ASSERT_FALSE(older_program);
  EXPECT_NE(older_program.error().text.find("newer than this program"), std::string::npos)
      << older_program.error().text;
  EXPECT_NE(older_program.error().text.find("0002_two"), std::string::npos);
}

TEST_F(Migrate, RefusesADatabaseThatOtherTextMade) {
  ASSERT_TRUE(migrate(database_, std::vector{kFirst}));
  Migration edited = kFirst;
  edited.checksum = "ab";
  const auto refused = migrate(database_, std::vector{edited, kSecond});
  ASSERT_FALSE(refused);
  EXPECT_NE(refused.error().text.find("checksum"), std::string::npos);
  EXPECT_FALSE(database_.tableExists("two"));
}

TEST_F(Migrate, LeavesNothingOfAMigrationThatFails) {
  const auto failed = migrate(database_, std::vector{kFirst, kBroken});
  ASSERT_FALSE(failed);
  EXPECT_NE(failed.error().text.find("0002_two"), std::string::npos);
  EXPECT_FALSE(database_.tableExists("two"));
  EXPECT_TRUE(migrate(database_, std::vector{kFirst, kSecond}));
}

TEST(BuiltInMigrations, AreNumberedWithoutAGapAndChecksummed) {
  std::set<std::string> checksums;
  int expected = 1;
  for (const Migration& migration : built_in_migrations()) {
    EXPECT_EQ(migration.version, expected++);
    EXPECT_EQ(std::string(migration.checksum).size(), 64u);
    EXPECT_TRUE(checksums.insert(migration.checksum).second);
  }
  EXPECT_GT(expected, 1);
}

}  // namespace
}  // namespace npanel
