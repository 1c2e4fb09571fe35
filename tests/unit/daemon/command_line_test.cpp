// SPDX-License-Identifier: Apache-2.0
// What do the daemons' flags do? Only --config FILE is used here: the machine's own /etc/npanel is nobody's business.
#include "daemon/command_line.h"

#include <gtest/gtest.h>

#include "support/temp_dir.h"

namespace npanel {
namespace {

struct Ran {
  int exit_code = -1;
  int runs = 0;
  Config config = {};
  ConfigSources sources = {};
};

Ran run_with(std::vector<std::string> arguments, const Result<void>& outcome = {}) {
  Ran ran;
  arguments.insert(arguments.begin(), "npanel-agent");
  std::vector<char*> argv;
  for (std::string& argument : arguments) argv.push_back(argument.data());
  ran.exit_code = run_daemon(static_cast<int>(argv.size()), argv.data(), "test",
                             [&](const LoadedConfig& loaded, const ConfigSources& sources) {
                               ++ran.runs;
                               ran.config = loaded.config;
                               ran.sources = sources;
                               return outcome;
                             });
  return ran;
}

class CommandLineTest : public testing::Test {
 protected:
  TempDir dir_;
  std::string file_ = dir_.write("agent.toml", "[smtp]\nports = [1]\n");
};

TEST_F(CommandLineTest, RunsWithTheFileAndTheFlags) {
  const Ran ran = run_with({"--config", file_, "--set", "smtp.ports=[2, 3]", "--set", "api.group=www"});
  EXPECT_EQ(ran.exit_code, 0);
  EXPECT_EQ(ran.runs, 1);
  EXPECT_EQ(ran.config.smtp_ports, (std::vector<uint16_t>{2, 3}));
  EXPECT_EQ(ran.config.socket_group, "www");
}

TEST_F(CommandLineTest, HandsOverWhereToLoadAgain) {
  const Ran ran = run_with({"--set=overhead.seconds=7", "--config", file_});
  dir_.write("agent.toml", "[smtp]\nports = [4]\n");
  const auto again = load_config(ran.sources);
  ASSERT_TRUE(again) << again.error().text;
  EXPECT_EQ(again->config.smtp_ports, std::vector<uint16_t>{4});
  EXPECT_EQ(again->config.overhead_seconds, 7U);
}

TEST_F(CommandLineTest, TakesItsEnvironment) {
  ASSERT_EQ(::setenv("NPANEL_SMTP_PORTS", "[9]", 1), 0);
  const Ran ran = run_with({"--config", file_});
  ::unsetenv("NPANEL_SMTP_PORTS");
  EXPECT_EQ(ran.config.smtp_ports, std::vector<uint16_t>{9});
}

TEST_F(CommandLineTest, CheckConfigDoesNotRun) {
  testing::internal::CaptureStdout();
  const Ran ran = run_with({"--check-config", "--config", file_});
  EXPECT_EQ(testing::internal::GetCapturedStdout(), file_ + ": ok\n");
  EXPECT_EQ(ran.exit_code, 0);
  EXPECT_EQ(ran.runs, 0);
}

TEST_F(CommandLineTest, WrongConfigurationIsExitCode2) {
  const std::string wrong = dir_.write("wrong.toml", "[smtp]\nportz = [1]\n");
  testing::internal::CaptureStderr();
  EXPECT_EQ(run_with({"--check-config", "--config", wrong}).exit_code, 2);
  EXPECT_NE(testing::internal::GetCapturedStderr().find("wrong.toml:2: smtp.portz"), std::string::npos);
  for (const auto& arguments : {std::vector<std::string>{"--config", wrong},
                                {"--config", dir_.path("absent.toml")},
                                {"--config", file_, "--set", "smtp.ports=x"},
                                {"--config", file_, "--set", "smtp.ports"}}) {
    const Ran ran = run_with(arguments);
    EXPECT_EQ(ran.exit_code, 2);
    EXPECT_EQ(ran.runs, 0);
  }
}

TEST_F(CommandLineTest, FailedRunIsExitCode1) {
  EXPECT_EQ(run_with({"--config", file_}, failure("no kernel")).exit_code, 1);
}

}  // namespace
}  // namespace npanel
