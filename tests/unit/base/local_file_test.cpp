// SPDX-License-Identifier: Apache-2.0
#include "base/local_file.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <filesystem>

#include "support/temp_dir.h"

namespace npanel {
namespace {

TEST(LocalFile, IsReadThroughSymbolicLinks) {
  const TempDir dir;
  dir.write("real/map", "bob.example: bob\n");
  std::filesystem::create_directory_symlink("real", dir.path("relative"));
  std::filesystem::create_symlink(dir.path("relative/./map"), dir.path("link"));
  EXPECT_EQ(read_local(dir.path("link")).value_or("?"), "bob.example: bob\n");
  EXPECT_EQ(read_local(dir.path("relative/../real//map")).value_or("?"), "bob.example: bob\n");
}

TEST(LocalFile, ThatIsNotThereSaysSo) {
  const TempDir dir;
  EXPECT_EQ(open_local(dir.path("none")).error().code, ENOENT);
  EXPECT_EQ(open_local("relative").error().code, EINVAL);
}

TEST(LocalFile, FollowsNoRing) {
  const TempDir dir;
  std::filesystem::create_symlink("two", dir.path("one"));
  std::filesystem::create_symlink("one", dir.path("two"));
  EXPECT_EQ(open_local(dir.path("one")).error().code, ELOOP);
}

TEST(LocalFile, WaitsForNobodyAtAPipe) {
  const TempDir dir;
  ASSERT_EQ(::mkfifo(dir.path("pipe").c_str(), 0600), 0);
  EXPECT_EQ(open_local(dir.path("pipe")).error().code, EINVAL);
  EXPECT_EQ(open_local(dir.path()).error().code, EINVAL) << "a directory";
}

TEST(LocalFile, KnowsWhichFileSystemsAskSomebodyElse) {
  for (const char* type : {"nfs4", "cifs", "fuse.sshfs", "fuse", "autofs", "9p"})
    EXPECT_TRUE(asks_somebody_else(type)) << type;
  for (const char* type : {"ext4", "xfs", "btrfs", "tmpfs", "overlay", "zfs"})
    EXPECT_FALSE(asks_somebody_else(type)) << type;
}

}  // namespace
}  // namespace npanel
