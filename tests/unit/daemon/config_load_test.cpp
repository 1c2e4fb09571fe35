// SPDX-License-Identifier: Apache-2.0
// Which value is in force when several places name one?
#include "daemon/config_load.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <algorithm>

#include "daemon/config_layer.h"
#include "support/temp_dir.h"

namespace npanel {
namespace {

class ConfigLoadTest : public testing::Test {
 protected:
  LoadedConfig load() const {
    auto loaded = load_config(sources_);
    EXPECT_TRUE(loaded) << loaded.error().text;
    return loaded ? std::move(*loaded) : LoadedConfig{};
  }
  std::string refusal() const {
    const auto loaded = load_config(sources_);
    return loaded ? "" : loaded.error().text;
  }
  // Says reconcile.accounts_per_second in one of the places.
  void say(int place, int value) {
    const std::string line = "[reconcile]\naccounts_per_second = " + std::to_string(value) + "\n";
    switch (place) {
      case 0:
        dir_.write("vendor.toml", line);
        break;
      case 1:
        dir_.write("agent.toml", line);
        break;
      case 2:
        dir_.write("agent.d/10-first.toml", line);
        break;
      case 3:
        dir_.write("agent.d/20-second.toml", line);
        break;
      case 4:
        sources_.environment["NPANEL_RECONCILE_ACCOUNTS_PER_SECOND"] = std::to_string(value);
        break;
      default:
        sources_.sets.push_back("reconcile.accounts_per_second=" + std::to_string(value));
    }
  }
  [[nodiscard]] std::vector<std::string> origins() const {
    return {dir_.path("vendor.toml:2"),
            dir_.path("agent.toml:2"),
            dir_.path("agent.d/10-first.toml:2"),
            dir_.path("agent.d/20-second.toml:2"),
            "environment NPANEL_RECONCILE_ACCOUNTS_PER_SECOND",
            "--set"};
  }

  TempDir dir_;
  ConfigSources sources_{.vendor = dir_.path("vendor.toml"), .file = dir_.path("agent.toml")};
};

const ConfigValue& value_of(const LoadedConfig& loaded, const std::string& key) {
  const auto found = std::ranges::find(loaded.values, key, &ConfigValue::key);
  if (found == loaded.values.end()) std::abort();
  return *found;
}

TEST_F(ConfigLoadTest, IsBuiltInWhereNoPlaceSaysAnything) {
  const LoadedConfig loaded = load();
  EXPECT_TRUE(loaded.files.empty());
  for (const ConfigValue& value : loaded.values) {
    EXPECT_EQ(value.now.origin, "built-in") << value.key;
    EXPECT_TRUE(value.hidden.empty()) << value.key;
  }
  EXPECT_EQ(value_of(loaded, "paths.cgroup").now.value, "\"npanel\"");
  EXPECT_EQ(value_of(loaded, "smtp.ports").now.value, "[25, 465, 587]");
  EXPECT_EQ(value_of(loaded, "overhead.agent_percent").now.value, "1.0");
  EXPECT_EQ(value_of(loaded, "defaults.limits.memory_high_bytes").now.value, "\"max\"");
  EXPECT_EQ(value_of(loaded, "defaults.smtp.mode").now.value, "\"enforce\"");
}

constexpr int kPlaces = 6;

std::vector<std::pair<int, int>> every_pair() {
  std::vector<std::pair<int, int>> pairs;
  for (int lower = 0; lower < kPlaces; ++lower)
    for (int higher = lower + 1; higher < kPlaces; ++higher) pairs.emplace_back(lower, higher);
  return pairs;
}

class PrecedenceTest : public ConfigLoadTest, public testing::WithParamInterface<std::pair<int, int>> {};

TEST_P(PrecedenceTest, HigherPlaceHidesLowerOne) {
  const auto [lower, higher] = GetParam();
  say(lower, 100 + lower);
  say(higher, 100 + higher);
  const LoadedConfig loaded = load();
  EXPECT_EQ(loaded.config.reconcile_per_second, 100U + static_cast<unsigned>(higher));
  const ConfigValue& value = value_of(loaded, "reconcile.accounts_per_second");
  EXPECT_EQ(value.now.value, std::to_string(100 + higher));
  EXPECT_EQ(value.now.origin, origins()[static_cast<size_t>(higher)]);
  ASSERT_EQ(value.hidden.size(), 2U);
  EXPECT_EQ(value.hidden[0].value, std::to_string(100 + lower));
  EXPECT_EQ(value.hidden[0].origin, origins()[static_cast<size_t>(lower)]);
  EXPECT_EQ(value.hidden[1].value, "20");
  EXPECT_EQ(value.hidden[1].origin, "built-in");
}

INSTANTIATE_TEST_SUITE_P(Every, PrecedenceTest, testing::ValuesIn(every_pair()));

TEST_F(ConfigLoadTest, HidesEveryPlaceBelowTheNearestFirst) {
  for (int place = 0; place < kPlaces; ++place) say(place, 100 + place);
  const ConfigValue value = value_of(load(), "reconcile.accounts_per_second");
  EXPECT_EQ(value.now.value, "105");
  std::vector<std::string> hidden;
  for (const auto& source : value.hidden) hidden.push_back(source.value);
  EXPECT_EQ(hidden, (std::vector<std::string>{"104", "103", "102", "101", "100", "20"}));
}

TEST_F(ConfigLoadTest, ReplacesListsWholeAndMergesTablesByKey) {
  dir_.write("agent.toml", "[smtp]\nports = [25, 465]\n[defaults.limits]\npids_max = 64\ncpu_percent = 10\n");
  dir_.write("agent.d/a.toml", "[smtp]\nports = [587]\n[defaults.limits]\npids_max = 65\n");
  const Config config = load().config;
  EXPECT_EQ(config.smtp_ports, std::vector<uint16_t>{587});
  EXPECT_EQ(config.default_limits.pids_max, 65U);
  EXPECT_EQ(config.default_limits.cpu_percent, 10U);
}

TEST_F(ConfigLoadTest, OriginIsTheLineOfTheKey) {
  dir_.write("agent.toml", "# first\n\n[api]\ngroup = \"www\"\n\n[smtp]\n# ports\nports = [\n  25,\n]\n");
  const LoadedConfig loaded = load();
  EXPECT_EQ(value_of(loaded, "api.group").now.origin, dir_.path("agent.toml:4"));
  EXPECT_EQ(value_of(loaded, "smtp.ports").now.origin, dir_.path("agent.toml:8"));
}

TEST_F(ConfigLoadTest, DropInsCountByNameWhateverElseIsThere) {
  dir_.write("agent.d/9.toml", "[smtp]\nports = [9]\n");
  dir_.write("agent.d/10.toml", "[smtp]\nports = [10]\n");
  dir_.write("agent.d/99.toml.rolled-back", "nonsense");
  dir_.write("agent.d/.99.toml", "nonsense");
  dir_.write("agent.d/README", "nonsense");
  const LoadedConfig loaded = load();
  EXPECT_EQ(loaded.config.smtp_ports, std::vector<uint16_t>{9}) << "as text, 9 comes after 10";
  EXPECT_EQ(loaded.files.size(), 2U);
}

TEST_F(ConfigLoadTest, KeepsTheAdministratorsFilesButNotTheVendors) {
  dir_.write("vendor.toml", "[smtp]\n");
  dir_.write("agent.toml", "# mine\n");
  dir_.write("agent.d/a.toml", "# also mine\n");
  EXPECT_EQ(load().files,
            (ConfigFiles{{dir_.path("agent.toml"), "# mine\n"}, {dir_.path("agent.d/a.toml"), "# also mine\n"}}));
}

TEST_F(ConfigLoadTest, NamedFileBringsItsOwnDropIns) {
  sources_.file = dir_.write("other.toml", "[smtp]\nports = [1]\n");
  sources_.file_required = true;
  dir_.write("other.d/a.toml", "[io]\ndevices = [\"/dev/sda\"]\n");
  dir_.write("agent.toml", "nonsense");
  dir_.write("agent.d/a.toml", "nonsense");
  dir_.write("vendor.toml", "[reconcile]\naccounts_per_second = 7\n");
  const Config config = load().config;
  EXPECT_EQ(config.smtp_ports, std::vector<uint16_t>{1});
  EXPECT_EQ(config.io_devices.size(), 1U);
  EXPECT_EQ(config.reconcile_per_second, 7U) << "the vendor's file is still read";
}

TEST_F(ConfigLoadTest, NamedFileMustBeThere) {
  sources_.file_required = true;
  EXPECT_EQ(refusal(), dir_.path("agent.toml") + ": No such file or directory");
}

TEST_F(ConfigLoadTest, RefusesWhatIsNoFile) {
  std::filesystem::create_directory(dir_.path("agent.toml"));
  EXPECT_EQ(refusal(), dir_.path("agent.toml") + " must be a regular file");
}

TEST_F(ConfigLoadTest, RefusesADeviceAndAFifo) {
  sources_.file = "/dev/zero";
  EXPECT_EQ(refusal(), "/dev/zero must be a regular file");
  sources_.file = dir_.path("fifo");
  ASSERT_EQ(::mkfifo(sources_.file.c_str(), 0600), 0);
  EXPECT_EQ(refusal(), sources_.file + " must be a regular file");
}

TEST_F(ConfigLoadTest, RefusesADropInThatIsADirectory) {
  std::filesystem::create_directories(dir_.path("agent.d/a.toml"));
  EXPECT_EQ(refusal(), dir_.path("agent.d/a.toml") + " must be a regular file");
}

TEST_F(ConfigLoadTest, RefusesADropInThatLeadsNowhere) {
  std::filesystem::create_directory(dir_.path("agent.d"));
  std::filesystem::create_symlink("/nonexistent", dir_.path("agent.d/a.toml"));
  EXPECT_EQ(refusal(), dir_.path("agent.d/a.toml") + ": No such file or directory");
}

TEST_F(ConfigLoadTest, RefusesADropInDirectoryThatIsNone) {
  dir_.write("agent.d", "");
  EXPECT_EQ(refusal(), dir_.path("agent.d") + ": Not a directory");
}

TEST_F(ConfigLoadTest, RefusesAFileThatNobodyWroteByHand) {
  dir_.write("agent.toml", std::string((1 << 20) + 1, '#'));
  EXPECT_EQ(refusal(), dir_.path("agent.toml") + " must not be larger than 1 MiB");
  dir_.write("agent.toml", std::string(1 << 20, '#'));
  EXPECT_EQ(refusal(), "");
}

// Permissions do not stop root, but nobody can read what is at address 0.
TEST_F(ConfigLoadTest, RefusesAFileThatCannotBeRead) {
  sources_.file = "/proc/self/mem";
  EXPECT_EQ(refusal(), "read /proc/self/mem: Input/output error");
}

TEST_F(ConfigLoadTest, TellsTheFirstMistakeOfEveryPlace) {
  dir_.write("vendor.toml", "[smtp]\nports = 1\n");
  dir_.write("agent.toml", "[smtp\n");
  dir_.write("agent.d/a.toml", "[smtp]\nportz = [1]\n");
  sources_.environment["NPANEL_SMTP_PORTS"] = "0";
  sources_.sets = {"smtp.ports=x", "smtp.ports"};
  const std::string text = refusal();
  for (const std::string& said :
       {dir_.path("vendor.toml:2: smtp.ports must be"), dir_.path("agent.toml:1: "),
        dir_.path("agent.d/a.toml:2: smtp.portz is not a key"),
        std::string("environment NPANEL_SMTP_PORTS: smtp.ports must be"), std::string("--set: smtp.ports must be"),
        std::string("--set must be KEY=VALUE; got \"smtp.ports\"")})
    EXPECT_NE(text.find(said), std::string::npos) << said << " is not in: " << text;
}

TEST_F(ConfigLoadTest, HigherPlaceDoesNotExcuseAMistakeBelow) {
  dir_.write("agent.toml", "[smtp]\nports = [0]\n");
  sources_.sets = {"smtp.ports=[25]"};
  EXPECT_NE(refusal(), "");
}

TEST_F(ConfigLoadTest, WhatDoesNotFitTogetherIsToldWithTheHighestOfBoth) {
  dir_.write("agent.toml", "[api]\ntls_certificate = \"/c\"\ntls_key = \"/k\"\nlisten = \"0.0.0.0:1\"\n");
  EXPECT_EQ(refusal(), "");
  sources_.sets = {"api.tls_key="};
  EXPECT_EQ(refusal().find(dir_.path("agent.toml:2: api.tls_certificate must not be alone")), 0U) << refusal();
}

TEST_F(ConfigLoadTest, VariablesAreTomlAndTextsNeedNoQuotes) {
  const auto with = [this](const std::string& name, const std::string& value) {
    sources_.environment = {{name, value}};
    return load().config;
  };
  EXPECT_EQ(with("NPANEL_SMTP_PORTS", "[25, 587]").smtp_ports, (std::vector<uint16_t>{25, 587}));
  EXPECT_EQ(with("NPANEL_DEFAULTS_LIMITS_PIDS_MAX", "100").default_limits.pids_max, 100U);
  EXPECT_EQ(with("NPANEL_DEFAULTS_LIMITS_PIDS_MAX", "max").default_limits.pids_max, std::nullopt);
  EXPECT_EQ(with("NPANEL_DEFAULTS_LIMITS_PIDS_MAX", "\"max\"").default_limits.pids_max, std::nullopt);
  EXPECT_EQ(with("NPANEL_DEFAULTS_SMTP_MODE", "observe").default_smtp.mode, SmtpMode::observe);
  EXPECT_EQ(with("NPANEL_OVERHEAD_AGENT_PERCENT", "2.5").overhead_agent_percent, 2.5);
  EXPECT_EQ(with("NPANEL_API_GROUP", "www-data").socket_group, "www-data");
  EXPECT_EQ(with("NPANEL_API_GROUP", "\"www-data\"").socket_group, "www-data");
  EXPECT_EQ(with("NPANEL_API_GROUP", "'www-data'").socket_group, "www-data");
  EXPECT_EQ(with("NPANEL_API_GROUP", "1000").socket_group, "1000");
  EXPECT_EQ(with("NPANEL_API_GROUP", "a\\b #c").socket_group, "a\\b #c");
  EXPECT_EQ(with("NPANEL_API_LISTEN", "[::1]:8443").listen, "[::1]:8443");
  EXPECT_EQ(with("NPANEL_API_LISTEN", "").listen, "");
}

TEST_F(ConfigLoadTest, RefusesVariablesThatSayNoValue) {
  for (const auto& [name, value] :
       std::vector<std::pair<std::string, std::string>>{{"NPANEL_SMTP_PORTS", ""},
                                                        {"NPANEL_SMTP_PORTS", "[25"},
                                                        {"NPANEL_RECONCILE_ACCOUNTS_PER_SECOND", "5\nother = 6"},
                                                        {"NPANEL_API_GROUP", "\"www"},
                                                        {"NPANEL_API_GROUP", "\"www\"\nx = 1"},
                                                        {"NPANEL_API_GROUP", "two\nlines"},
                                                        {"NPANEL_API_GROUP", ""},
                                                        {"NPANEL_API_GROUP", "\xff\xfe"},
                                                        {"NPANEL_IO_DEVICES", "/dev/sda"}}) {
    sources_.environment = {{name, value}};
    EXPECT_EQ(refusal().find("environment " + name + ": "), 0U) << value << " said: " << refusal();
    EXPECT_NE(refusal().find(" must be "), std::string::npos) << value << " said: " << refusal();
  }
}

TEST_F(ConfigLoadTest, RefusesVariablesThatLookLikeOurs) {
  sources_.environment = {{"NPANEL_SMTP_PORTZ", "[25]"}};
  EXPECT_EQ(refusal(),
            "environment NPANEL_SMTP_PORTZ is not a variable of npanel-agent; did you mean NPANEL_SMTP_PORTS?");
  sources_.environment = {{"NPANEL_SMPT_PORTS", "[25]"}};
  EXPECT_EQ(refusal(),
            "environment NPANEL_SMPT_PORTS is not a variable of npanel-agent; did you mean NPANEL_SMTP_PORTS?");
  sources_.environment = {{"NPANEL_DEFAULTS_COLOUR", "red"}};
  EXPECT_EQ(refusal(), "environment NPANEL_DEFAULTS_COLOUR is not a variable of npanel-agent");
}

TEST_F(ConfigLoadTest, KeyThatIsGoneSaysWhatIsSaidInstead) {
  sources_.environment = {{"NPANEL_MAIL_ACCOUNT_BY", "[]"}};
  EXPECT_EQ(refusal().find("environment NPANEL_MAIL_ACCOUNT_BY is not a variable of npanel-agent: whose mail it is"),
            0U);
  EXPECT_NE(refusal().find("mail.relays"), std::string::npos);
  sources_.environment = {};
  sources_.sets = {"mail.account_by=[]"};
  EXPECT_EQ(refusal().find("--set: mail.account_by is not a key of npanel-agent: whose mail it is"), 0U) << refusal();
}

TEST_F(ConfigLoadTest, IgnoresVariablesOfOthers) {
  sources_.environment = {{"NPANEL_VM_TIMEOUT", "1"},
                          {"NPANEL_VM_IO_DISK", "/dev/sda"},
                          {"NPANEL_OUT", "/out"},
                          {"NPANEL_ACCOUNTS", "5"},
                          {"NPANEL_", ""},
                          {"NPANEL", ""},
                          {"SMTP_PORTS", "[1]"},
                          {"PATH", "/bin"},
                          {"", ""}};
  const LoadedConfig loaded = load();
  EXPECT_TRUE(changed_keys(load_config({.vendor = "", .file = ""}, {})->values, loaded.values).empty());
}

TEST_F(ConfigLoadTest, RefusesFlagsThatNameNoKey) {
  sources_.sets = {"smtp.portz=[25]"};
  EXPECT_EQ(refusal(), "--set: smtp.portz is not a key of npanel-agent; did you mean smtp.ports?");
  sources_.sets = {"=1"};
  EXPECT_EQ(refusal(), "--set:  is not a key of npanel-agent");
}

TEST_F(ConfigLoadTest, LastFlagWins) {
  sources_.sets = {"smtp.ports=[1]", "smtp.ports=[2]"};
  const LoadedConfig loaded = load();
  EXPECT_EQ(loaded.config.smtp_ports, std::vector<uint16_t>{2});
  EXPECT_EQ(value_of(loaded, "smtp.ports").hidden.at(0).value, "[1]");
}

TEST_F(ConfigLoadTest, ValuesAreShownSoThatTheyCanBeReadAgain) {
  sources_.sets = {"io.devices=[\"/dev/a\\\"b\\\\\", '/dev/c']", "api.group=\"a\\\"b\"", "overhead.seconds=1_000",
                   "overhead.agent_percent=0.25"};
  const LoadedConfig loaded = load();
  ConfigSources again = sources_;
  again.sets.clear();
  for (const ConfigValue& value : loaded.values) again.sets.push_back(value.key + "=" + value.now.value);
  const auto reread = load_config(again);
  ASSERT_TRUE(reread) << reread.error().text;
  EXPECT_TRUE(changed_keys(loaded.values, reread->values).empty());
  EXPECT_EQ(reread->config.io_devices, (std::vector<std::string>{"/dev/a\"b\\", "/dev/c"}));
}

TEST_F(ConfigLoadTest, ChangedKeysAreThoseWithOtherValuesNotOtherOrigins) {
  const LoadedConfig before = load();
  sources_.sets = {"smtp.ports=[25, 465, 587]", "overhead.seconds=5", "paths.cgroup=other"};
  EXPECT_EQ(changed_keys(before.values, load().values), (std::vector<std::string>{"paths.cgroup", "overhead.seconds"}));
}

TEST_F(ConfigLoadTest, PathsSocketsAndTheWatchdogNeedARestart) {
  std::vector<std::string> found;
  for (const ConfigValue& value : load().values)
    if (value.needs_restart) found.push_back(value.key);
  EXPECT_EQ(found, (std::vector<std::string>{"paths.cgroup_mount", "paths.cgroup", "paths.database", "paths.socket",
                                             "paths.policy_socket", "paths.bpf_pins", "paths.watchdog_socket",
                                             "paths.helper_socket", "api.group", "api.listen", "api.tls_certificate",
                                             "api.tls_key", "watchdog.interval_seconds", "watchdog.timeout_seconds",
                                             "watchdog.restarts_per_hour"}));
}

TEST_F(ConfigLoadTest, ReloadLeavesWhatNeedsARestart) {
  dir_.write("agent.toml", "[paths]\ncgroup = \"running\"\n[api]\ngroup = \"www\"\n");
  const LoadedConfig running = load();
  dir_.write("agent.toml",
             "[smtp]\nports = [26]\n\n[paths]\ncgroup = \"wanted\"\nsocket = \"/s\"\n[api]\ngroup = \"www\"\n");
  const LoadedConfig fresh = load();
  const LoadedConfig reloaded = until_restart(fresh, running);
  EXPECT_EQ(reloaded.config.cgroup_path, "running");
  EXPECT_EQ(reloaded.config.socket, Config{}.socket);
  EXPECT_EQ(reloaded.config.smtp_ports, std::vector<uint16_t>{26});
  EXPECT_EQ(value_of(reloaded, "paths.cgroup").now.value, "\"running\"");
  EXPECT_EQ(value_of(reloaded, "paths.cgroup").now.origin, dir_.path("agent.toml:2"));
  EXPECT_EQ(value_of(reloaded, "api.group").now.origin, dir_.path("agent.toml:8")) << "it only moved";
  EXPECT_EQ(reloaded.files, fresh.files);
  EXPECT_EQ(changed_keys(running.values, reloaded.values), std::vector<std::string>{"smtp.ports"});
  EXPECT_EQ(changed_keys(reloaded.values, fresh.values), (std::vector<std::string>{"paths.cgroup", "paths.socket"}));
}

TEST(ConfigLayer, HoldsWhatTheTextSaysAndNothingElse) {
  const auto layer = parse_layer("[api]\nburst = 7\n", "a.toml");
  ASSERT_TRUE(layer) << layer.error().text;
  EXPECT_EQ(layer->values.request_burst, 7U);
  EXPECT_EQ(layer->origins, (std::map<std::string, std::string>{{"api.burst", "a.toml:2"}}));
}

}  // namespace
}  // namespace npanel
