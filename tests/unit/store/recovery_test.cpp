// SPDX-License-Identifier: Apache-2.0
#include "store/recovery.h"

#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include "recovery_fixture.h"
#include "store/database.h"
#include "store/loss.h"
#include "store/migrate.h"
#include "store/replace.h"

namespace npanel {
namespace {

constexpr size_t kPage = 4096;

TEST_F(DatabaseRecovery, MakesADatabaseAtTheFirstStart) {
  Opened opened = open();
  EXPECT_FALSE(opened.read_only);
  EXPECT_TRUE(opened.repairs.empty()) << joined(opened.repairs);
  EXPECT_FALSE(opened.accounts_lost);
  EXPECT_TRUE(opened.store.put(account_of(0), {}));
}

TEST_F(DatabaseRecovery, LeavesAWholeDatabaseAsItIs) {
  make(3);
  for (int start = 0; start < 2; ++start) {
    Opened opened = open();
    EXPECT_FALSE(opened.read_only);
    EXPECT_TRUE(opened.repairs.empty()) << joined(opened.repairs);
    EXPECT_EQ(opened.store.accounts().value(), first(3));
  }
  EXPECT_EQ(beside(path_, ""), std::vector<std::string>{"npanel.db"});
}

TEST_F(DatabaseRecovery, FinishesAFirstStartThatWasCutShort) {
  open_database(path_).value()->exec(
      "CREATE TABLE schema_migration (version INTEGER PRIMARY KEY, name TEXT NOT NULL, checksum TEXT NOT NULL, "
      "applied_at TEXT NOT NULL DEFAULT (strftime('%Y-%m-%dT%H:%M:%SZ', 'now'))) STRICT");
  Opened opened = open();
  EXPECT_TRUE(opened.repairs.empty()) << joined(opened.repairs);
  EXPECT_TRUE(opened.store.put(account_of(0), {}));
}

TEST_F(DatabaseRecovery, KeepsADamagedFileAsideAndRestoresTheNewestBackup) {
  make(2);
  back_up();
  make(3);
  overwrite(path_, 0, "SQLite fermat 3");
  const std::string damaged = bytes_of(path_);
  Opened opened = open();
  EXPECT_FALSE(opened.read_only);
  EXPECT_EQ(opened.store.accounts().value(), first(2));
  EXPECT_TRUE(opened.accounts_lost);  // the third is in the kernel only
  expect_says(opened.repairs, "its header is not a database's");
  expect_says(opened.repairs, "restored from " + dir_.path("backups/npanel-20231114T221320Z.db"));
  ASSERT_EQ(kept().size(), 1u);
  EXPECT_EQ(bytes_of(dir_.path(kept()[0])), damaged);
  expect_says(opened.repairs, "kept as " + dir_.path(kept()[0]));
  EXPECT_EQ(Backups::list(path_).size(), 1u);
  opened.store.close();
  EXPECT_TRUE(open().repairs.empty());
}

// The second start finds a whole database, and nothing in it says that it is not all.
TEST_F(DatabaseRecovery, ALossOfAccountsIsRememberedUntilSomebodyForgetsIt) {
  make(2);
  back_up();
  overwrite(path_, 0, "SQLite fermat 3");
  EXPECT_FALSE(remembered_loss(path_));
  EXPECT_TRUE(open().accounts_lost);
  ASSERT_TRUE(remembered_loss(path_));
  EXPECT_GT(remembered_loss(path_)->found_ms, 0);
  EXPECT_FALSE(open().accounts_lost);
  ASSERT_TRUE(remember_loss(path_, {.found_ms = 1, .taken_over = true, .done = {"bob is adopted"}}));
  EXPECT_FALSE(open().accounts_lost);
  EXPECT_TRUE(remembered_loss(path_)->taken_over);
  overwrite(path_, 0, "SQLite fermat 3");
  EXPECT_TRUE(open().accounts_lost);
  EXPECT_FALSE(remembered_loss(path_)->taken_over) << "there may be more of them now";
  EXPECT_EQ(remembered_loss(path_)->done, std::vector<std::string>{"bob is adopted"});
}

TEST_F(DatabaseRecovery, ARepairThatLosesNoAccountIsNoLoss) {
  make(3);
  back_up();
  raw("UPDATE account SET pids_max = -1 WHERE name = 'site1'");
  EXPECT_FALSE(open().accounts_lost);
  EXPECT_FALSE(remembered_loss(path_));
}

TEST_F(DatabaseRecovery, PassesOverABackupThatIsDamaged) {
  make(2);
  back_up(1'700'000'000'000);
  make(3);
  back_up(1'700'000'600'000);
  overwrite(Backups::list(path_)[0], kPage + 8, std::string(500, 'x'));
  overwrite(path_, 0, "SQLite fermat 3");
  Opened opened = open();
  EXPECT_EQ(opened.store.accounts().value(), first(2));
}

TEST_F(DatabaseRecovery, BeginsEmptyWhenThereIsNoGoodBackup) {
  make(2);
  back_up();
  overwrite(Backups::list(path_)[0], 0, "no database");
  overwrite(path_, 0, "no database");
  Opened opened = open();
  EXPECT_FALSE(opened.read_only);
  EXPECT_TRUE(opened.accounts_lost);
  EXPECT_TRUE(opened.store.accounts()->empty());
  expect_says(opened.repairs, "no good backup");
  EXPECT_TRUE(opened.store.put(account_of(0), {}));
}

TEST_F(DatabaseRecovery, SavesTheAccountsAndMostEventsWhenAPageOfEventsIsDamaged) {
  make(3);
  back_up();
  {
    Store store = Store::open(path_).value();
    ASSERT_TRUE(store.append(notes_of("site0", 2000)));
    ASSERT_TRUE(store.put(account_of(3), notes_of("site3", 1)));
    Failure failure;
    failure.at_ms = 1'700'000'000'000;
    failure.reason = "killed by signal 11";
    ASSERT_TRUE(store.put(failure));
  }
  const size_t pages = bytes_of(path_).size() / kPage;
  overwrite(path_, pages / 2 * kPage, std::string(kPage, '\xff'));
  Opened opened = open();
  EXPECT_EQ(opened.store.accounts().value(), first(4));
  EXPECT_FALSE(opened.accounts_lost);
  expect_says(opened.repairs, "saved from the damaged file itself");
  const auto events = opened.store.events(std::nullopt, 5000).value();
  EXPECT_GT(events.size(), 1800u);
  EXPECT_EQ(events.front().account, "site3");
  EXPECT_EQ(events.front().id, 2004);
  EXPECT_EQ(opened.store.failures(10)->front().reason, "killed by signal 11");
  ASSERT_TRUE(opened.store.append(notes_of("site0", 1)));
  EXPECT_EQ(opened.store.events(std::nullopt, 1)->front().id, 2005);
}

TEST_F(DatabaseRecovery, TakesOneAccountFromTheBackupWhenOnlyItsRowIsNotValid) {
  make(3);
  back_up();
  make(4);
  raw("UPDATE account SET pids_max = -1 WHERE name = 'site1'");
  Opened opened = open();
  EXPECT_EQ(opened.store.accounts().value(), first(4));
  EXPECT_FALSE(opened.accounts_lost);
  expect_says(opened.repairs, "account \"site1\" in the database: limits.pids_max must be");
  expect_says(opened.repairs, "account site1 is as in the newest backup");
}

TEST_F(DatabaseRecovery, SaysWhichAccountIsLostWhenNoBackupHasIt) {
  make(3);
  raw("UPDATE account SET pids_max = -1 WHERE name = 'site1'");
  Opened opened = open();
  EXPECT_EQ(opened.store.accounts().value(), (std::vector{account_of(0), account_of(2)}));
  EXPECT_TRUE(opened.accounts_lost);
  expect_says(opened.repairs, "account site1 is lost");
}

TEST_F(DatabaseRecovery, RestoresADatabaseThatIsGoneOrEmptyWhileThereAreBackups) {
  make(2);
  back_up();
  std::filesystem::remove(path_);
  EXPECT_EQ(open().store.accounts().value(), first(2));
  EXPECT_TRUE(kept().empty());
  write_bytes(path_, "");
  Opened opened = open();
  EXPECT_EQ(opened.store.accounts().value(), first(2));
  expect_says(opened.repairs, "is empty");
}

TEST_F(DatabaseRecovery, RestoresWhenATableIsGone) {
  make(2);
  back_up();
  raw("DROP TABLE event");
  Opened opened = open();
  EXPECT_EQ(opened.store.accounts().value(), first(2));
  expect_says(opened.repairs, "it lacks the");
}

TEST_F(DatabaseRecovery, CopiesAnOlderDatabaseBeforeItIsMigrated) {
  {
    const auto old = open_database(path_).value();
    ASSERT_TRUE(migrate(*old, built_in_migrations().first(1)));
    put_old_accounts(*old, 2);
  }
  Opened opened = open();
  EXPECT_TRUE(opened.repairs.empty()) << joined(opened.repairs);
  EXPECT_EQ(opened.store.accounts().value(), without_mail_limits(first(2)));
  ASSERT_EQ(Backups::list(path_).size(), 1u);
  const std::string copy = Backups::list(path_)[0];
  EXPECT_NE(copy.find(std::string("-before-") + built_in_migrations()[1].name), std::string::npos) << copy;
  EXPECT_EQ(migrations_seen(*open_finished(copy).value(), built_in_migrations()).value(), 1u);
}

TEST_F(DatabaseRecovery, RestoresABackupOfAnOlderDatabaseAndMigratesIt) {
  {
    const auto old = open_database(path_).value();
    ASSERT_TRUE(migrate(*old, built_in_migrations().first(1)));
    put_old_accounts(*old, 2);
  }
  open().store.close();
  overwrite(path_, 0, "SQLite fermat 3");
  Opened opened = open();
  expect_says(opened.repairs, "restored from");
  EXPECT_EQ(opened.store.accounts().value(), without_mail_limits(first(2)));
}

TEST_F(DatabaseRecovery, RefusesADatabaseOfANewerProgramAndMovesNothing) {
  make(1);
  raw("INSERT INTO schema_migration (version, name, checksum) VALUES (99, '0099_later', 'abc')");
  const std::string before = bytes_of(path_);
  const auto refused = open_or_recover(path_, scratch_);
  ASSERT_FALSE(refused);
  EXPECT_NE(refused.error().text.find("newer than this program"), std::string::npos) << refused.error().text;
  EXPECT_TRUE(kept().empty());
  EXPECT_EQ(bytes_of(path_), before);
}

TEST_F(DatabaseRecovery, RefusesADatabaseOfAnotherBuildAndMovesNothing) {
  make(1);
  raw("UPDATE schema_migration SET checksum = '" + std::string(64, 'f') + "'");
  const auto refused = open_or_recover(path_, scratch_);
  ASSERT_FALSE(refused);
  EXPECT_NE(refused.error().text.find("another build"), std::string::npos) << refused.error().text;
  EXPECT_TRUE(kept().empty());
}

TEST_F(DatabaseRecovery, TakesAFlippedDigitOfAChecksumForDamageAndNotForAnotherBuild) {
  make(2);
  raw("UPDATE schema_migration SET checksum = 'f' || substr(checksum, 2)");
  Opened opened = open();
  EXPECT_EQ(opened.store.accounts().value(), first(2));
  expect_says(opened.repairs, "wrong digits");
}

TEST_F(DatabaseRecovery, TakesARecordOfMigrationsThatSaysNothingForDamage) {
  make(2);
  raw("UPDATE schema_migration SET name = '2190'");
  Opened opened = open();
  EXPECT_EQ(opened.store.accounts().value(), first(2));
  expect_says(opened.repairs, "its record of migrations");
}

TEST_F(DatabaseRecovery, KeepsTheNewestFiveDamagedFiles) {
  for (int i = 0; i < 7; ++i) {
    write_bytes(path_, "damaged " + std::to_string(i));
    open();
  }
  ASSERT_EQ(kept().size(), 5u);
  std::string all;
  for (const std::string& name : kept()) all += bytes_of(dir_.path(name)) + "\n";
  EXPECT_EQ(all.find("damaged 1"), std::string::npos) << all;
  EXPECT_NE(all.find("damaged 6"), std::string::npos) << all;
}

TEST_F(DatabaseRecovery, FinishesARepairThatAPowerCutInterrupted) {
  make(2);
  std::filesystem::rename(path_, replacement_of(path_));
  ASSERT_TRUE(approve_replacement(path_));
  write_bytes(path_ + "-wal", "what the cut left of the damaged set");
  Opened opened = open();
  EXPECT_EQ(opened.store.accounts().value(), first(2));
  expect_says(opened.repairs, "interrupted is finished");
  ASSERT_EQ(kept().size(), 1u);
  EXPECT_TRUE(kept()[0].ends_with("-wal"));
}

// The -wal of a Store that is still open, as a power cut would leave it.
class WalRecovery : public DatabaseRecovery {
 protected:
  void cut_power_after(uint32_t accounts) {
    make(2);
    Store store = Store::open(path_).value();
    put_accounts(store, accounts);
    std::filesystem::copy(path_, dir_.path("cut.db"));
    std::filesystem::copy(path_ + "-wal", dir_.path("cut.db-wal"));
    store.close();
    std::filesystem::rename(dir_.path("cut.db"), path_);
    std::filesystem::rename(dir_.path("cut.db-wal"), path_ + "-wal");
  }
};

TEST_F(WalRecovery, HasEveryAcknowledgedChangeAfterAPowerCut) {
  cut_power_after(8);
  Opened opened = open();
  EXPECT_TRUE(opened.repairs.empty()) << joined(opened.repairs);
  EXPECT_EQ(opened.store.accounts().value(), first(8));
}

TEST_F(WalRecovery, TakesATornEndForTheWriteThatWasNeverAcknowledged) {
  cut_power_after(8);
  const std::string wal = bytes_of(path_ + "-wal");
  write_bytes(path_ + "-wal", wal.substr(0, wal.size() - 100));
  Opened opened = open();
  EXPECT_TRUE(opened.repairs.empty()) << joined(opened.repairs);
  EXPECT_EQ(opened.store.accounts().value(), first(7));
}

TEST_F(WalRecovery, NoticesThatAcknowledgedChangesLieBehindDamage) {
  cut_power_after(8);
  flip_bit(path_ + "-wal", 32 + 24 + 100);
  Opened opened = open();
  EXPECT_FALSE(opened.repairs.empty());
  expect_says(opened.repairs, "npanel.db-wal is damaged");
}

TEST_F(WalRecovery, PrefersABackupThatIsNewerThanWhatDamageLeft) {
  make(2);
  Store store = Store::open(path_).value();
  put_accounts(store, 8);
  ASSERT_TRUE(Backups(path_).step(store, 1'700'000'000'000).value());
  std::filesystem::copy(path_, dir_.path("cut.db"));
  std::filesystem::copy(path_ + "-wal", dir_.path("cut.db-wal"));
  store.close();
  std::filesystem::rename(dir_.path("cut.db"), path_);
  std::filesystem::rename(dir_.path("cut.db-wal"), path_ + "-wal");
  flip_bit(path_ + "-wal", 4);
  Opened opened = open();
  EXPECT_EQ(opened.store.accounts().value(), first(8));
  expect_says(opened.repairs, "restored from");
}

TEST_F(DatabaseRecovery, WaitsWithTheRepairWhileAnotherProcessHasTheFileOpen) {
  make(2);
  int ready[2];
  int end[2];
  ASSERT_EQ(::pipe(ready), 0);
  ASSERT_EQ(::pipe(end), 0);
  const pid_t other = ::fork();
  if (other == 0) {  // an administrator's sqlite3
    ::close(end[1]);
    SQLite::Database database(path_, SQLite::OPEN_READWRITE);
    database.exec("UPDATE account SET pids_max = -1 WHERE name = 'site1'");
    char byte = 'x';
    if (::write(ready[1], &byte, 1) != 1 || ::read(end[0], &byte, 1) != 0) ::_exit(1);
    ::_exit(0);
  }
  ::close(end[0]);
  char byte = 0;
  ASSERT_EQ(::read(ready[0], &byte, 1), 1);
  {
    Opened opened = open();
    ASSERT_TRUE(opened.read_only);
    EXPECT_NE(opened.read_only->find("process " + std::to_string(other)), std::string::npos) << *opened.read_only;
    EXPECT_EQ(opened.store.accounts().value(), std::vector{account_of(0)});
    EXPECT_TRUE(opened.accounts_lost);
    EXPECT_TRUE(kept().empty());
  }
  ::close(end[1]);
  ASSERT_EQ(::waitpid(other, nullptr, 0), other);
  EXPECT_FALSE(open().read_only);
  EXPECT_FALSE(kept().empty());
  for (const int fd : {ready[0], ready[1]}) ::close(fd);
}

TEST_F(DatabaseRecovery, AsksToBeReopenedWhenARunningDatabaseTurnsOutDamaged) {
  make(3);
  {
    Store store = Store::open(path_).value();
    ASSERT_TRUE(store.append(notes_of("site0", 2000)));
  }
  Store store = Store::open(path_).value();
  const size_t size = bytes_of(path_).size();
  overwrite(path_, kPage * 2, std::string(size - kPage * 2, '\x5a'));
  const auto events = store.events(std::nullopt, 5000);
  ASSERT_FALSE(events);
  EXPECT_EQ(events.error().code, EUCLEAN);
  EXPECT_NE(events.error().text.find("the database is damaged"), std::string::npos) << events.error().text;
  EXPECT_TRUE(store.wants_reopening());
  store.close();
  EXPECT_FALSE(store.wants_reopening());
  EXPECT_FALSE(store.accounts());
  Opened opened = open();
  EXPECT_FALSE(opened.read_only);
  EXPECT_FALSE(opened.repairs.empty());
}

}  // namespace
}  // namespace npanel
