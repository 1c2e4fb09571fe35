// SPDX-License-Identifier: Apache-2.0
// The disk is full, read-only or broken: the database itself is whole.
#include <gtest/gtest.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>

#include "recovery_fixture.h"
#include "small_disk.h"
#include "store/database.h"

namespace npanel {
namespace {

TEST_F(DatabaseRecovery, ServesACopyThatRefusesChangesWhileSQLiteCannotOpenTheFile) {
  make(3);
  std::filesystem::create_directory(path_ + "-shm");
  const std::string before = bytes_of(path_);
  Opened opened = open();
  ASSERT_TRUE(opened.read_only);
  EXPECT_FALSE(opened.accounts_lost);
  EXPECT_TRUE(opened.repairs.empty()) << joined(opened.repairs);
  EXPECT_EQ(opened.store.accounts().value(), first(3));
  EXPECT_EQ(opened.store.events("site0", 10)->size(), 1u);
  for (const auto& refused : {opened.store.put(account_of(7), {}), opened.store.erase("site0", notes_of("site0", 1)),
                              opened.store.append(notes_of("site0", 1))}) {
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().code, EROFS);
    EXPECT_NE(refused.error().text.find("nothing was changed"), std::string::npos) << refused.error().text;
    EXPECT_NE(refused.error().text.find("tries again by itself"), std::string::npos) << refused.error().text;
  }
  EXPECT_EQ(opened.store.accounts().value(), first(3));
  EXPECT_TRUE(std::filesystem::is_empty(scratch_));
  EXPECT_EQ(bytes_of(path_), before);
  std::filesystem::remove(path_ + "-shm");
  EXPECT_FALSE(open().read_only);
}

TEST_F(DatabaseRecovery, ServesTheNewestBackupWhenTheFileCannotBeRead) {
  make(2);
  back_up();
  std::filesystem::remove(path_);
  std::filesystem::create_directory(path_);
  Opened opened = open();
  ASSERT_TRUE(opened.read_only);
  EXPECT_EQ(opened.store.accounts().value(), first(2));
  EXPECT_TRUE(opened.accounts_lost);
}

TEST_F(DatabaseRecovery, ServesNothingButDoesNotEndWhenThereIsNoDirectory) {
  const std::string nowhere = dir_.path("no/such/npanel.db");
  EXPECT_TRUE(why_not_writable(nowhere));
  auto opened = open_or_recover(nowhere, scratch_);
  ASSERT_TRUE(opened) << opened.error().text;
  ASSERT_TRUE(opened->read_only);
  EXPECT_NE(opened->read_only->find("No such file or directory"), std::string::npos) << *opened->read_only;
  EXPECT_TRUE(opened->accounts_lost);
  EXPECT_TRUE(opened->store.accounts()->empty());
}

TEST_F(DatabaseRecovery, ServesNothingButDoesNotEndWhenThereIsNoScratchEither) {
  make(1);
  std::filesystem::create_directory(path_ + "-shm");
  auto opened = open_or_recover(path_, dir_.path("no/scratch"));
  ASSERT_TRUE(opened) << opened.error().text;
  EXPECT_TRUE(opened->read_only);
  EXPECT_TRUE(opened->accounts_lost);
}

void fill(const std::string& path) {
  std::ofstream file(path, std::ios::binary);
  const std::string block(4096, 'x');
  while (file << block << std::flush) {
  }
}

TEST_F(DatabaseRecovery, StartsOnAFullDiskWithAllAccountsAndRecoversWhenThereIsRoom) {
  std::filesystem::create_directory(dir_.path("disk"));
  on_small_disk(dir_.path("disk"), 1 << 20, [&] {
    const std::string path = dir_.path("disk/npanel.db");
    {
      Store store = Store::open(path).value();
      put_accounts(store, 3);
    }
    fill(dir_.path("disk/filler"));
    for (int attempt = 0; attempt < 2; ++attempt) {
      auto opened = open_or_recover(path, scratch_);
      ASSERT_TRUE(opened) << opened.error().text;
      ASSERT_TRUE(opened->read_only);
      EXPECT_NE(opened->read_only->find("No space left on device"), std::string::npos) << *opened->read_only;
      EXPECT_EQ(opened->store.accounts().value(), first(3));
      EXPECT_FALSE(opened->accounts_lost);
      EXPECT_TRUE(why_not_writable(path));
    }
    std::filesystem::remove(dir_.path("disk/filler"));
    EXPECT_FALSE(why_not_writable(path));
    auto opened = open_or_recover(path, scratch_);
    ASSERT_TRUE(opened) << opened.error().text;
    EXPECT_FALSE(opened->read_only);
    EXPECT_TRUE(opened->repairs.empty()) << joined(opened->repairs);
    EXPECT_TRUE(opened->store.put(account_of(3), {}));
  });
}

TEST_F(DatabaseRecovery, RefusesAChangeOnAFullDiskAndTakesTheNextOneWhenThereIsRoom) {
  std::filesystem::create_directory(dir_.path("disk"));
  on_small_disk(dir_.path("disk"), 1 << 20, [&] {
    const std::string path = dir_.path("disk/npanel.db");
    Store store = Store::open(path).value();
    put_accounts(store, 3);
    fill(dir_.path("disk/filler"));
    for (int attempt = 0; attempt < 3; ++attempt) {
      const auto refused = store.append(notes_of("site0", 500));
      ASSERT_FALSE(refused);
      EXPECT_EQ(refused.error().code, ENOSPC) << refused.error().text;
      EXPECT_NE(refused.error().text.find("nothing was changed: the disk is full"), std::string::npos)
          << refused.error().text;
      EXPECT_FALSE(store.wants_reopening());
      EXPECT_EQ(store.accounts().value(), first(3));
      EXPECT_EQ(store.events(std::nullopt, 1000)->size(), 3u);
    }
    std::filesystem::remove(dir_.path("disk/filler"));
    EXPECT_TRUE(store.put(account_of(3), notes_of("site3", 1)));
    store.close();
    auto opened = open_or_recover(path, scratch_);
    ASSERT_TRUE(opened) << opened.error().text;
    EXPECT_TRUE(opened->repairs.empty()) << joined(opened->repairs);
    EXPECT_EQ(opened->store.accounts().value(), first(4));
    EXPECT_EQ(opened->store.events(std::nullopt, 1000)->size(), 4u);
  });
}

TEST_F(DatabaseRecovery, StartsOnAReadOnlyDiskAndRecoversWhenItIsWritable) {
  std::filesystem::create_directory(dir_.path("disk"));
  on_small_disk(dir_.path("disk"), 1 << 20, [&] {
    const std::string path = dir_.path("disk/npanel.db");
    {
      Store store = Store::open(path).value();
      put_accounts(store, 3);
    }
    const auto remount = [&](unsigned long flags) {
      return ::mount("tmpfs", dir_.path("disk").c_str(), "tmpfs", MS_REMOUNT | flags, nullptr) == 0;
    };
    ASSERT_TRUE(remount(MS_RDONLY));
    {
      auto opened = open_or_recover(path, scratch_);
      ASSERT_TRUE(opened) << opened.error().text;
      ASSERT_TRUE(opened->read_only);
      EXPECT_NE(opened->read_only->find("Read-only file system"), std::string::npos) << *opened->read_only;
      EXPECT_EQ(opened->store.accounts().value(), first(3));
      EXPECT_FALSE(opened->accounts_lost);
    }
    ASSERT_TRUE(remount(0));
    auto opened = open_or_recover(path, scratch_);
    ASSERT_TRUE(opened) << opened.error().text;
    EXPECT_FALSE(opened->read_only);
    EXPECT_TRUE(opened->store.put(account_of(3), {}));
  });
}

TEST_F(DatabaseRecovery, ServesABackupWhenADamagedFileMeetsAFullDisk) {
  std::filesystem::create_directory(dir_.path("disk"));
  on_small_disk(dir_.path("disk"), 1 << 20, [&] {
    const std::string path = dir_.path("disk/npanel.db");
    {
      Store store = Store::open(path).value();
      put_accounts(store, 3);
      ASSERT_TRUE(Backups(path).step(store, 1'700'000'000'000).value());
    }
    overwrite(path, 0, "SQLite fermat 3");
    fill(dir_.path("disk/filler"));
    auto opened = open_or_recover(path, scratch_);
    ASSERT_TRUE(opened) << opened.error().text;
    EXPECT_TRUE(opened->read_only);
    EXPECT_EQ(opened->store.accounts().value(), first(3));
    EXPECT_TRUE(beside(path, ".damaged-").empty());
  });
}

// An I/O error that is not ENOSPC: the kernel refuses to let any file grow beyond RLIMIT_FSIZE.
TEST_F(DatabaseRecovery, RollsBackAChangeThatMeetsAnIOErrorAndTakesTheNextOneOnTheSameConnection) {
  const auto handler = ::signal(SIGXFSZ, SIG_IGN);
  Store store = Store::open(path_).value();
  put_accounts(store, 3);
  rlimit before{};
  ASSERT_EQ(::getrlimit(RLIMIT_FSIZE, &before), 0);
  const rlimit small{.rlim_cur = std::filesystem::file_size(path_ + "-wal") + 5000, .rlim_max = before.rlim_max};
  ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &small), 0);
  const auto refused = store.append(notes_of("site0", 5000));
  const auto refused_again = store.append(notes_of("site0", 5000));
  ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &before), 0);
  ::signal(SIGXFSZ, handler);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, EFBIG) << refused.error().text;
  EXPECT_NE(refused.error().text.find("nothing was changed"), std::string::npos) << refused.error().text;
  EXPECT_FALSE(refused_again);
  EXPECT_FALSE(store.wants_reopening());
  EXPECT_TRUE(store.put(account_of(3), {}));
  store.close();
  Opened opened = open();
  EXPECT_TRUE(opened.repairs.empty()) << joined(opened.repairs);
  EXPECT_EQ(opened.store.accounts().value(), first(4));
  EXPECT_EQ(opened.store.events(std::nullopt, 10'000)->size(), 3u);
}

}  // namespace
}  // namespace npanel
