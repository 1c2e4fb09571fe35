// SPDX-License-Identifier: Apache-2.0
// How do the administrator's files become what they once were?
#include "daemon/config_rollback.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include "support/temp_dir.h"

namespace npanel {
namespace {

class ConfigRollbackTest : public testing::Test {
 protected:
  [[nodiscard]] ConfigFiles now() const { return read_config_files(sources_).value(); }
  void roll_back_to(const ConfigFiles& wanted) { changes_ = rollback_changes(sources_, now(), wanted).value(); }
  [[nodiscard]] mode_t mode_of(const std::string& name) const {
    struct stat found{};
    return ::stat(dir_.path(name).c_str(), &found) == 0 ? found.st_mode & 07777U : 0;
  }

  TempDir dir_;
  ConfigSources sources_{.vendor = "", .file = dir_.path("agent.toml")};
  std::string file_ = dir_.path("agent.toml");
  std::string drop_in_ = dir_.path("agent.d/a.toml");
  std::vector<FileChange> changes_;
};

TEST_F(ConfigRollbackTest, PutsFilesBackAndOthersAside) {
  dir_.write("agent.toml", "new");
  dir_.write("agent.d/b.toml", "later");
  roll_back_to({{file_, "old"}, {drop_in_, "gone"}});
  ASSERT_TRUE(make_changes(changes_));
  EXPECT_EQ(now(), (ConfigFiles{{file_, "old"}, {drop_in_, "gone"}}));
  EXPECT_TRUE(std::filesystem::exists(dir_.path("agent.d/b.toml.rolled-back")));
}

TEST_F(ConfigRollbackTest, MakesTheDirectoryOfDropIns) {
  roll_back_to({{drop_in_, "text"}});
  ASSERT_TRUE(make_changes(changes_));
  EXPECT_EQ(now(), (ConfigFiles{{drop_in_, "text"}}));
}

TEST_F(ConfigRollbackTest, UndoLeavesEverythingAsItWas) {
  dir_.write("agent.toml", "new");
  dir_.write("agent.d/b.toml", "later");
  const ConfigFiles before = now();
  roll_back_to({{file_, "old"}, {drop_in_, "gone"}});
  ASSERT_TRUE(make_changes(changes_));
  ASSERT_TRUE(undo_changes(changes_));
  EXPECT_EQ(now(), before);
  EXPECT_FALSE(std::filesystem::exists(dir_.path("agent.d/b.toml.rolled-back")));
}

TEST_F(ConfigRollbackTest, NewFilesAreForEverybodyToReadAndOldOnesKeepTheirMode) {
  dir_.write("agent.toml", "new");
  ASSERT_EQ(::chmod(file_.c_str(), 0640), 0);
  roll_back_to({{file_, "old"}, {drop_in_, "text"}});
  ASSERT_TRUE(make_changes(changes_));
  EXPECT_EQ(mode_of("agent.toml"), 0640U);
  EXPECT_EQ(mode_of("agent.d/a.toml"), 0644U);
}

TEST_F(ConfigRollbackTest, HasNothingToDoForTheSameFiles) {
  dir_.write("agent.toml", "same");
  roll_back_to({{file_, "same"}});
  EXPECT_TRUE(changes_.empty());
}

TEST_F(ConfigRollbackTest, FailureUndoesWhatWasDoneBefore) {
  dir_.write("agent.toml", "new");
  const ConfigFiles before = now();
  changes_ = {{.path = file_, .before = "new", .after = "old"},
              {.path = dir_.path("agent.d/absent.toml"), .before = "x", .after = std::nullopt}};
  const auto made = make_changes(changes_);
  ASSERT_FALSE(made);
  EXPECT_NE(made.error().text.find("absent.toml"), std::string::npos);
  EXPECT_EQ(now(), before);
}

TEST_F(ConfigRollbackTest, UndoGoesOnAfterAFailure) {
  dir_.write("agent.toml", "old");
  changes_ = {{.path = file_, .before = "new", .after = "old"},
              {.path = dir_.path("agent.d/absent.toml"), .before = "x", .after = std::nullopt}};
  const auto undone = undo_changes(changes_);
  ASSERT_FALSE(undone);
  EXPECT_NE(undone.error().text.find("absent.toml"), std::string::npos);
  EXPECT_EQ(now(), (ConfigFiles{{file_, "new"}}));
}

TEST_F(ConfigRollbackTest, RefusesEveryOtherPath) {
  const std::string directory = dir_.path("agent.d/");
  for (const std::string& path :
       {std::string("/etc/passwd"), std::string("/etc/cron.d/x.toml"), std::string(), dir_.path("other.toml"),
        dir_.path("agent.toml/x.toml"), dir_.path("agent.d"), directory, directory + "../x.toml",
        directory + "sub/x.toml", directory + ".hidden.toml", directory + "x.conf", directory + "x.toml/",
        directory + std::string("x\0.toml", 7), directory + "x\n.toml", dir_.path("/agent.d/x.toml"),
        dir_.path("agent.dx.toml")}) {
    const auto changes = rollback_changes(sources_, {}, {{file_, "fine"}, {path, "text"}});
    ASSERT_FALSE(changes) << path;
    EXPECT_EQ(changes.error().code, EINVAL);
  }
}

}  // namespace
}  // namespace npanel
