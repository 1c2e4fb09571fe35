// SPDX-License-Identifier: Apache-2.0
#include "base/file.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include "support/temp_dir.h"

namespace npanel {
namespace {

class FileTest : public testing::TestWithParam<mode_t> {
 protected:
  FileTest() : umask_(::umask(GetParam())) {}
  ~FileTest() override { ::umask(umask_); }
  static unsigned mode_of(const std::string& path) {
    return static_cast<unsigned>(std::filesystem::status(path).permissions());
  }
  const TempDir dir_;

 private:
  mode_t umask_;
};

TEST_P(FileTest, WhatIsMadeHasItsModeWhateverTheUmask) {
  ASSERT_TRUE(open_at(AT_FDCWD, dir_.path("made"), O_WRONLY | O_CREAT | O_TRUNC, 0600));
  ASSERT_TRUE(replace_file(dir_.path("replaced"), "x"));
  ASSERT_TRUE(make_private_directory(dir_.path("a")));
  EXPECT_EQ(mode_of(dir_.path("made")), 0600u);
  EXPECT_EQ(mode_of(dir_.path("replaced")), 0600u);
  EXPECT_EQ(mode_of(dir_.path("a")), 0700u);
}

TEST_P(FileTest, WhatEverybodyCouldReadIsShutBeforeItIsWritten) {
  for (const char* name : {"made", "replaced", "replaced.new"})
    std::filesystem::permissions(dir_.write(name, "old"), std::filesystem::perms(0644));
  ASSERT_TRUE(open_at(AT_FDCWD, dir_.path("made"), O_WRONLY | O_CREAT | O_TRUNC, 0600));
  ASSERT_TRUE(replace_file(dir_.path("replaced"), "x"));
  EXPECT_EQ(mode_of(dir_.path("made")), 0600u);
  EXPECT_EQ(mode_of(dir_.path("replaced")), 0600u);
}

INSTANTIATE_TEST_SUITE_P(Umasks, FileTest, testing::Values(mode_t{0}, mode_t{022}, mode_t{0277}));

}  // namespace
}  // namespace npanel
