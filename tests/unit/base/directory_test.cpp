// SPDX-License-Identifier: Apache-2.0
#include "base/directory.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include <fstream>

#include "base/unique_fd.h"
#include "support/temp_dir.h"

namespace npanel {
namespace {

class Directory : public testing::Test {
 protected:
  Directory() {
    std::ofstream(dir_.path("b")) << "file";
    EXPECT_EQ(::mkdir(dir_.path("a").c_str(), 0700), 0);
    EXPECT_EQ(::mkdir(dir_.path(".hidden").c_str(), 0700), 0);
    EXPECT_EQ(::symlink("a", dir_.path("link").c_str()), 0);
  }
  const TempDir dir_;
};

TEST_F(Directory, IsReadByNameAndSaysWhatIsADirectory) {
  const auto entries = entries_of(dir_.path("")).value();
  std::string text;
  for (const DirectoryEntry& entry : entries) text += entry.name + (entry.is_directory ? "/ " : " ");
  EXPECT_EQ(text, ".hidden/ a/ b link ");
  struct stat status{};
  ASSERT_EQ(::stat(dir_.path("b").c_str(), &status), 0);
  EXPECT_EQ(entries[2].inode, status.st_ino);
}

TEST_F(Directory, IsReadBelowAnOpenOneAsOftenAsOneLikes) {
  const UniqueFd dir(::open(dir_.path("").c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  for (int i = 0; i < 2; ++i) {
    EXPECT_EQ(entries_of(dir.get(), ".")->size(), 4U);
    EXPECT_TRUE(entries_of(dir.get(), "a")->empty());
  }
}

TEST_F(Directory, NoMoreIsReadThanIsAskedFor) {
  EXPECT_EQ(entries_of(dir_.path(""), 4)->size(), 4U);
  EXPECT_EQ(entries_of(dir_.path(""), 3).error().code, E2BIG);
}

TEST_F(Directory, WhatCannotBeReadIsAnError) {
  EXPECT_EQ(entries_of(dir_.path("nothing")).error().code, ENOENT);
  EXPECT_EQ(entries_of(dir_.path("b")).error().code, ENOTDIR);
  rlimit before{};
  ASSERT_EQ(::getrlimit(RLIMIT_NOFILE, &before), 0);
  const UniqueFd lowest(::open("/dev/null", O_RDONLY | O_CLOEXEC));
  const rlimit full{.rlim_cur = static_cast<rlim_t>(lowest.get()), .rlim_max = before.rlim_max};
  ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &full), 0);
  const auto entries = entries_of(dir_.path(""));
  ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &before), 0);
  EXPECT_EQ(entries.error().code, EMFILE);
}

}  // namespace
}  // namespace npanel
