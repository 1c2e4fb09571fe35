// SPDX-License-Identifier: Apache-2.0
#include "daemon/config.h"

#include <gtest/gtest.h>

#include "support/temp_dir.h"

namespace npanel {
namespace {

Result<Config> read_text(const std::string& text) {
  const TempDir dir;
  return read_config(dir.write("agent.toml", text));
}

TEST(Config, IsBuiltInWhereTheFileIsSilent) {
  const auto config = read_text("");
  ASSERT_TRUE(config) << config.error().text;
  EXPECT_EQ(config->cgroup_path, "npanel");
  EXPECT_EQ(config->smtp_ports, (std::vector<uint16_t>{25, 465, 587}));
}

TEST(Config, TakesEveryKind) {
  const auto config = read_text(
      "[paths]\ncgroup = \"hosting/accounts\"\n[smtp]\nports = [25]\n[io]\ndevices = [\"/dev/sda\"]\n"
      "[defaults.limits]\npids_max = 64\ncpu_percent = \"max\"\n[defaults.rate_limit]\nper_minute = 5\nburst = 2\nmode "
      "= \"observe\"\n");
  ASSERT_TRUE(config) << config.error().text;
  EXPECT_EQ(config->cgroup_path, "hosting/accounts");
  EXPECT_EQ(config->smtp_ports, std::vector<uint16_t>{25});
  EXPECT_EQ(config->default_limits.pids_max, 64u);
  EXPECT_EQ(config->default_limits.cpu_percent, std::nullopt);
  EXPECT_EQ(config->default_rate_limit, (RateLimit{.per_minute = 5, .burst = 2, .mode = SmtpMode::observe}));
}

TEST(Config, NamesFileLineAndKeyOfAnError) {
  const struct {
    const char* text;
    const char* said;
  } rows[] = {{"[smtp]\nportz = [25]\n", "agent.toml:2: smtp.portz is not a key"},
              {"[smtp]\nports = []\n", "agent.toml:2: smtp.ports must be"},
              {"[smtp]\nports = [0]\n", "smtp.ports must be"},
              {"[smtp]\nports = [70000]\n", "smtp.ports must be"},
              {"[smtp]\nports = [1,2,3,4,5,6,7,8,9]\n", "smtp.ports must be"},
              {"[smtp]\nports = 25\n", "smtp.ports must be"},
              {"[paths]\nsocket = 7\n", "agent.toml:2: paths.socket must be a text"},
              {"[paths]\ncgroup = \"../x\"\n", "paths.cgroup must be a path below"},
              {"[paths]\ncgroup = \"/x\"\n", "paths.cgroup must be a path below"},
              {"[io]\ndevices = [\"sda\"]\n", "io.devices must be"},
              {"[reconcile]\naccounts_per_second = 0\n", "must be a whole number from 1 to 10000"},
              {"[defaults.limits]\npids_max = -5\n", "agent.toml:2: defaults.limits.pids_max must be"},
              {"[defaults.limits]\npids_max = 1.5\n", "defaults.limits.pids_max must be"},
              {"[defaults.rate_limit]\nmode = \"hard\"\n", "defaults.rate_limit.mode must be"},
              {"[defaults.rate_limit]\nper_minute = 1\nburst = 5000\n", "rate_limit.burst must be"},
              {"[smtp\n", "agent.toml:1"}};
  for (const auto& row : rows) {
    const auto config = read_text(row.text);
    ASSERT_FALSE(config) << row.text;
    EXPECT_NE(config.error().text.find(row.said), std::string::npos) << row.text << " said: " << config.error().text;
  }
}

TEST(Config, SaysThatTheFileIsNotThere) {
  EXPECT_FALSE(read_config("/nonexistent/agent.toml"));
}

// What the package installs shows every key with its built-in value: taking the comments off changes nothing.
TEST(Config, ShippedFileShowsTheBuiltInValues) {
  std::ifstream shipped(NPANEL_SOURCE_DIR "/deploy/agent.toml");
  std::string text;
  for (std::string line; std::getline(shipped, line);)
    text += (line.starts_with("#") && line.find(" = ") != std::string::npos ? line.substr(1) : line) + "\n";
  const auto config = read_text(text);
  ASSERT_TRUE(config) << config.error().text;
  const Config built_in;
  EXPECT_EQ(config->database, built_in.database);
  EXPECT_EQ(config->socket, built_in.socket);
  EXPECT_EQ(config->pin_dir, built_in.pin_dir);
  EXPECT_EQ(config->watchdog_socket, built_in.watchdog_socket);
  EXPECT_EQ(config->watchdog_interval_s, built_in.watchdog_interval_s);
  EXPECT_EQ(config->watchdog_timeout_s, built_in.watchdog_timeout_s);
  EXPECT_EQ(config->watchdog_restarts_per_hour, built_in.watchdog_restarts_per_hour);
  EXPECT_EQ(config->smtp_ports, built_in.smtp_ports);
  EXPECT_EQ(config->reconcile_per_second, built_in.reconcile_per_second);
  EXPECT_EQ(config->default_limits, built_in.default_limits);
  EXPECT_EQ(config->default_rate_limit, built_in.default_rate_limit);
}

}  // namespace
}  // namespace npanel
