// SPDX-License-Identifier: Apache-2.0
#include "store/backups.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include "sample.h"
#include "store/database.h"
#include "store/recovery.h"
#include "support/temp_dir.h"

namespace npanel {
namespace {

constexpr int64_t kStartMs = 1'700'000'000'000;
constexpr int64_t kTenMinutesMs = 600'000;

class BackupsTest : public testing::Test {
 protected:
  // Steps until a copy is finished.
  static int steps_to_finish(Backups& backups, Store& store, int64_t now_ms) {
    for (int steps = 1; steps < 1000; ++steps) {
      const auto finished = backups.step(store, now_ms);
      if (!finished) throw std::runtime_error(finished.error().text);
      if (*finished) return steps;
    }
    return 0;
  }
  std::vector<std::string> list() const { return Backups::list(path_); }
  size_t files() const {
    size_t count = 0;
    for (const auto& entry : std::filesystem::directory_iterator(dir_.path("backups"))) count += entry.exists();
    return count;
  }
  static mode_t mode_of(const std::string& path) {
    using Stat = struct stat;
    Stat about{};
    EXPECT_EQ(::stat(path.c_str(), &about), 0);
    return about.st_mode & 0777;
  }

  const TempDir dir_;
  const std::string path_ = dir_.path("npanel.db");
};

TEST_F(BackupsTest, MakesTheFirstCopyAtOnceForRootOnly) {
  Store store = Store::open(path_).value();
  put_accounts(store, 3);
  Backups backups(path_);
  steps_to_finish(backups, store, kStartMs);
  ASSERT_EQ(list(), std::vector{dir_.path("backups/npanel-20231114T221320Z.db")});
  EXPECT_EQ(mode_of(list()[0]), 0600u);
  EXPECT_EQ(mode_of(dir_.path("backups")), 0700u);
  std::filesystem::copy(list()[0], dir_.path("copy.db"));
  EXPECT_EQ(Store::open(dir_.path("copy.db"))->accounts()->size(), 3u);
}

TEST_F(BackupsTest, ACopyThatIsGivenUpLeavesNothing) {
  Store store = Store::open(path_).value();
  ASSERT_TRUE(store.append(notes_of("site0", 20'000)));
  Backups backups(path_);
  ASSERT_FALSE(backups.step(store, kStartMs).value());
  ASSERT_TRUE(store.copying());
  backups.give_up(store);
  EXPECT_FALSE(store.copying());
  EXPECT_EQ(files(), 0U);
  EXPECT_GT(steps_to_finish(backups, store, kStartMs), 1);
  EXPECT_EQ(list().size(), 1U);
}

TEST_F(BackupsTest, MakesTheNextCopyTenMinutesLaterAndOnlyAfterAChange) {
  Store store = Store::open(path_).value();
  Backups backups(path_);
  steps_to_finish(backups, store, kStartMs);
  EXPECT_FALSE(backups.step(store, kStartMs + kTenMinutesMs).value());
  ASSERT_TRUE(store.put(account_of(0), {}));
  EXPECT_FALSE(backups.step(store, kStartMs + kTenMinutesMs - 1).value());
  EXPECT_TRUE(backups.step(store, kStartMs + kTenMinutesMs).value());
  EXPECT_EQ(list().size(), 2u);
  Backups after_restart(path_);
  EXPECT_FALSE(after_restart.step(store, kStartMs + 2 * kTenMinutesMs - 1).value());
}

TEST_F(BackupsTest, SeesAChangeThatAnAdministratorMadeWithSqlite3) {
  Store store = Store::open(path_).value();
  put_accounts(store, 1);
  Backups backups(path_);
  steps_to_finish(backups, store, kStartMs);
  SQLite::Database(path_, SQLite::OPEN_READWRITE).exec("UPDATE account SET pids_max = 99");
  EXPECT_TRUE(backups.step(store, kStartMs + kTenMinutesMs).value());
}

TEST_F(BackupsTest, CopiesALargeDatabaseInPiecesWithTheChangesMadeMeanwhile) {
  Store store = Store::open(path_).value();
  put_accounts(store, 1);
  ASSERT_TRUE(store.append(notes_of("site0", 30'000)));
  Backups backups(path_);
  EXPECT_FALSE(backups.step(store, kStartMs).value());
  EXPECT_TRUE(list().empty());
  ASSERT_TRUE(store.put(account_of(1), notes_of("site1", 1)));
  EXPECT_GT(steps_to_finish(backups, store, kStartMs + 1000), 2);
  const auto copy = open_finished(list()[0]).value();
  EXPECT_EQ(copy->execAndGet("SELECT count(*) FROM account").getInt(), 2);
  EXPECT_EQ(copy->execAndGet("SELECT max(id) FROM event").getInt(), 30'002);
}

TEST_F(BackupsTest, DropsAnUnfinishedCopyWhenTheStoreIsClosed) {
  Store store = Store::open(path_).value();
  put_accounts(store, 1);
  ASSERT_TRUE(store.append(notes_of("site0", 30'000)));
  Backups backups(path_);
  EXPECT_FALSE(backups.step(store, kStartMs).value());
  store = Store::open(path_).value();
  EXPECT_FALSE(store.copying());
  steps_to_finish(backups, store, kStartMs);
  EXPECT_EQ(files(), 1u);
}

TEST_F(BackupsTest, KeepsTheNewestEightAndTwoFromBeforeUpgrades) {
  Store store = Store::open(path_).value();
  Backups backups(path_);
  dir_.write("backups/npanel-20200101T000000Z-before-0002_one.db", "");
  dir_.write("backups/npanel-20200102T000000Z-before-0003_two.db", "");
  dir_.write("backups/npanel-20200103T000000Z-before-0004_three.db", "");
  for (int i = 0; i < 11; ++i) {
    ASSERT_TRUE(store.append(notes_of("bob", 1)));
    steps_to_finish(backups, store, kStartMs + int64_t{i} * kTenMinutesMs);
  }
  ASSERT_EQ(list().size(), 10u);
  EXPECT_EQ(list()[0], dir_.path("backups/npanel-20231114T235320Z.db"));
  EXPECT_EQ(list()[8], dir_.path("backups/npanel-20200103T000000Z-before-0004_three.db"));
  EXPECT_EQ(list()[9], dir_.path("backups/npanel-20200102T000000Z-before-0003_two.db"));
}

TEST_F(BackupsTest, RemovesWhatAKilledCopyLeft) {
  dir_.write("backups/.copying", "half");
  dir_.write("backups/.copying-journal", "half");
  Backups backups(path_);
  EXPECT_EQ(files(), 0u);
}

TEST_F(BackupsTest, GivesALaterNameThoughTheClockWasSetBack) {
  Store store = Store::open(path_).value();
  Backups backups(path_);
  steps_to_finish(backups, store, kStartMs);
  ASSERT_TRUE(store.append(notes_of("bob", 1)));
  steps_to_finish(backups, store, kStartMs - int64_t{24} * 3'600'000);
  EXPECT_EQ(list()[0], dir_.path("backups/npanel-20231114T221321Z.db"));
  ASSERT_TRUE(store.append(notes_of("bob", 1)));
  EXPECT_FALSE(backups.step(store, kStartMs - int64_t{24} * 3'600'000 + 1000).value());
}

TEST_F(BackupsTest, RemovesACopyThatFailsItsCheckAndKeepsTheOlderOnes) {
  {
    Store store = Store::open(path_).value();
    put_accounts(store, 2);
    ASSERT_TRUE(store.append(notes_of("site0", 2000)));
    Backups backups(path_);
    steps_to_finish(backups, store, kStartMs);
  }
  const size_t pages = bytes_of(path_).size() / 4096;
  overwrite(path_, pages / 2 * 4096, std::string(4096, '\xff'));
  Store store = Store::open(path_).value();
  Backups backups(path_);
  const auto failed = backups.step(store, kStartMs + kTenMinutesMs);
  ASSERT_FALSE(failed);
  EXPECT_NE(failed.error().text.find("the copy is damaged, so the database itself is"), std::string::npos)
      << failed.error().text;
  EXPECT_EQ(failed.error().code, EUCLEAN);
  EXPECT_TRUE(store.wants_reopening());
  EXPECT_EQ(list().size(), 1u);
  EXPECT_EQ(files(), 1u);
  EXPECT_FALSE(backups.step(store, kStartMs + kTenMinutesMs + 59'000).value());
  EXPECT_FALSE(backups.step(store, kStartMs + kTenMinutesMs + 60'000));
}

TEST_F(BackupsTest, MakesNoCopyOfAStandIn) {
  auto database = std::make_unique<SQLite::Database>(":memory:", SQLite::OPEN_READWRITE | SQLite::OPEN_CREATE);
  Store store(std::move(database), "the disk is full");
  Backups backups(path_);
  EXPECT_FALSE(backups.step(store, kStartMs).value());
  EXPECT_TRUE(list().empty());
}

TEST_F(BackupsTest, CopiesAllOfItBeforeAMigration) {
  Store store = Store::open(path_).value();
  put_accounts(store, 2);
  const auto database = open_database(path_).value();
  const auto made = back_up_before("0002_next", *database, path_);
  ASSERT_TRUE(made) << made.error().text;
  ASSERT_EQ(list().size(), 1u);
  EXPECT_TRUE(list()[0].ends_with("-before-0002_next.db")) << list()[0];
  EXPECT_EQ(open_finished(list()[0]).value()->execAndGet("SELECT count(*) FROM account").getInt(), 2);
}

}  // namespace
}  // namespace npanel
