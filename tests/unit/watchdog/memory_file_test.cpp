// SPDX-License-Identifier: Apache-2.0
#include "watchdog/memory_file.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

#include "support/temp_dir.h"

namespace npanel {
namespace {

class MemoryFile : public testing::Test {
 protected:
  TempDir dir_;
  std::string path_ = dir_.path("watchdog.json");
};

RecoveryMemory with_recoveries(uint64_t count) {
  RecoveryMemory memory;
  memory.by_systemd = count;
  return memory;
}

TEST_F(MemoryFile, ComesBackAsItWasWritten) {
  const RecoveryMemory memory{.restarts_unix_ms = {1'700'000'000'000, 1'700'000'000'500},
                              .gave_up_on = "ab12",
                              .by_systemd = 3,
                              .by_watchdog = 4,
                              .mode = FeatureMode::observe};
  ASSERT_TRUE(write_memory(path_, memory));
  EXPECT_EQ(read_memory(path_), memory);
}

TEST_F(MemoryFile, MissingOrDamagedFileIsAnEmptyMemory) {
  EXPECT_EQ(read_memory(path_), RecoveryMemory{});
  for (const char* text :
       {"", "{", "[]", R"({"restarts_unix_ms": "many"})",
        R"({"restarts_unix_ms":[],"gave_up_on":"","recovered_by_systemd":3,"recovered_by_watchdog":0,"mode":2})"}) {
    std::ofstream(path_) << text;
    EXPECT_EQ(read_memory(path_), RecoveryMemory{}) << text;
  }
}

TEST_F(MemoryFile, ModeThatIsMissingOrUnknownIsOff) {
  const std::string rest =
      R"("restarts_unix_ms":[],"gave_up_on":"","recovered_by_systemd":3,"recovered_by_watchdog":0)";
  for (const std::string mode : {R"()", R"(,"mode":"on")", R"(,"mode":"")"}) {
    std::ofstream(path_) << "{" << rest << mode << "}";
    EXPECT_EQ(read_memory(path_).mode, FeatureMode::off) << mode;
    EXPECT_EQ(read_memory(path_).by_systemd, 3U) << mode;
  }
}

TEST_F(MemoryFile, RefusedWriteKeepsTheOldFile) {
  ASSERT_TRUE(write_memory(path_, with_recoveries(1)));
  std::filesystem::create_directory(path_ + ".new");  // where the new one is written first
  EXPECT_FALSE(write_memory(path_, with_recoveries(2)));
  EXPECT_EQ(read_memory(path_).by_systemd, 1U);
}

}  // namespace
}  // namespace npanel
