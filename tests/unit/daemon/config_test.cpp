// SPDX-License-Identifier: Apache-2.0
// What may the keys say?
#include "daemon/config.h"

#include <gtest/gtest.h>

#include <array>
#include <cstdio>
#include <fstream>

#include "daemon/config_layer.h"
#include "daemon/config_load.h"

namespace npanel {
namespace {

Result<Config> read_text(const std::string& text) {
  const ConfigSources sources{.vendor = "", .file = "agent.toml"};
  auto loaded = load_config(sources, {{"agent.toml", text}});
  if (!loaded) return std::unexpected(loaded.error());
  return loaded->config;
}

TEST(Config, IsBuiltInWhereTheFileIsSilent) {
  const auto config = read_text("");
  ASSERT_TRUE(config) << config.error().text;
  EXPECT_EQ(config->cgroup_path, "npanel");
  EXPECT_EQ(config->smtp_ports, (std::vector<uint16_t>{25, 465, 587}));
  EXPECT_EQ(config->listen, "");
}

TEST(Config, TakesEveryKind) {
  const auto config = read_text(
      "[paths]\ncgroup = \"hosting/accounts\"\n[smtp]\nports = [25]\n[io]\ndevices = [\"/dev/sda\"]\n"
      "[defaults.limits]\npids_max = 64\ncpu_percent = \"max\"\n[defaults.smtp]\nper_minute = 5\nburst = 2\nmode "
      "= \"observe\"\n[overhead]\nagent_percent = 2\nkernel_percent = 0.5\n");
  ASSERT_TRUE(config) << config.error().text;
  EXPECT_EQ(config->cgroup_path, "hosting/accounts");
  EXPECT_EQ(config->smtp_ports, std::vector<uint16_t>{25});
  EXPECT_EQ(config->io_devices, std::vector<std::string>{"/dev/sda"});
  EXPECT_EQ(config->default_limits.pids_max, 64u);
  EXPECT_EQ(config->default_limits.cpu_percent, std::nullopt);
  EXPECT_EQ(config->default_smtp, (SmtpLimit{.per_minute = 5, .burst = 2, .mode = SmtpMode::observe}));
  EXPECT_EQ(config->overhead_agent_percent, 2.0);
  EXPECT_EQ(config->overhead_kernel_percent, 0.5);
}

TEST(Config, TakesRelaysAndTheAllowanceOfMailThatNobodyOwns) {
  const auto config = read_text(
      "[mail]\nrelays = [\"192.0.2.0/24\", \"2001:db8::25\"]\n[mail.unattributed]\nmessages_per_hour = 3\n"
      "recipients_per_day = 7\nbytes_per_hour = \"max\"\n");
  ASSERT_TRUE(config) << config.error().text;
  EXPECT_EQ(config->mail_relays.size(), 2U);
  EXPECT_EQ(config->unattributed_mail.messages_per_15min, 100U) << "as an account has";
  EXPECT_EQ(config->unattributed_mail.messages_per_hour, 3U);
  EXPECT_EQ(config->unattributed_mail.recipients_per_hour, 3U) << "as messages";
  EXPECT_EQ(config->unattributed_mail.recipients_per_day, 7U);
  EXPECT_EQ(config->unattributed_mail.bytes_per_hour, std::nullopt);
}

TEST(Config, LimitsRecipientsAsMessagesUnlessSomebodySaysOtherwise) {
  const auto config = read_text(
      "[defaults.mail]\nmessages_per_15min = \"max\"\nmessages_per_hour = 2000\nmessages_per_day = 9000\n"
      "recipients_per_day = 100\n");
  ASSERT_TRUE(config) << config.error().text;
  EXPECT_EQ(config->default_mail.recipients_per_15min, std::nullopt);
  EXPECT_EQ(config->default_mail.recipients_per_hour, 2000U);
  EXPECT_EQ(config->default_mail.recipients_per_day, 100U);
}

TEST(Config, TakesAddressesOfThisHostAndOthersWithTls) {
  const std::string tls = "tls_certificate = \"/etc/npanel/api.crt\"\ntls_key = \"/etc/npanel/api.key\"\n";
  for (const std::string& text :
       {std::string("[api]\nlisten = \"127.0.0.1:8443\"\n"), std::string("[api]\nlisten = \"127.9.9.9:1\"\n"),
        std::string("[api]\nlisten = \"[::1]:65535\"\n"), "[api]\nlisten = \"0.0.0.0:8443\"\n" + tls,
        "[api]\nlisten = \"[2001:db8::1]:8443\"\n" + tls}) {
    const auto config = read_text(text);
    EXPECT_TRUE(config) << text << config.error().text;
  }
}

TEST(Config, NamesFileLineAndKeyOfAnError) {
  const struct {
    const char* text;
    const char* said;
  } rows[] = {
      {"[smtp]\nportz = [25]\n", "agent.toml:2: smtp.portz is not a key"},
      {"[smtp]\nports = []\n", "agent.toml:2: smtp.ports must be"},
      {"[smtp]\nports = [0]\n", "smtp.ports must be"},
      {"[smtp]\nports = [70000]\n", "smtp.ports must be"},
      {"[smtp]\nports = [1,2,3,4,5,6,7,8,9]\n", "smtp.ports must be"},
      {"[smtp]\nports = [\"25\"]\n", "smtp.ports must be"},
      {"[smtp]\nports = 25\n", "smtp.ports must be"},
      {"smtp = 25\n", "agent.toml:1: smtp is a section"},
      {"[paths]\nsocket = 7\n", "agent.toml:2: paths.socket must be a text"},
      {"[paths]\nsocket = \"\"\n", "agent.toml:2: paths.socket must be a text"},
      {"[paths]\ndatabase = \"/var/lib\\u0000/x\"\n", "paths.database must be a text"},
      {"[paths]\ndatabase = \"/var/lib\\n/x\"\n", "paths.database must be a text"},
      {"[paths]\ncgroup = \"../x\"\n", "agent.toml:2: paths.cgroup must be a path below"},
      {"[paths]\ncgroup = \"/x\"\n", "paths.cgroup must be a path below"},
      {"[io]\ndevices = [\"sda\"]\n", "io.devices must be"},
      {"[io]\ndevices = [\"/dev/\\u0000\"]\n", "io.devices must be"},
      {"[io]\ndevices = \"/dev/sda\"\n", "io.devices must be"},
      {"[mail]\naccount_by = [\"sasl\"]\n", "agent.toml:2: mail.account_by is not a key of npanel-agent: whose mail"},
      {"[mail]\naccount_by = [\"sasl\"]\n", "to be believed in mail.relays"},
      {"[mail]\nrelays = \"192.0.2.1\"\n", "agent.toml:2: mail.relays must be a list of at most 1024 networks"},
      {"[mail]\nrelays = [\"relay.example\"]\n", "mail.relays must be"},
      {"[mail]\nrelays = [\"192.0.2.1/24\"]\n", "mail.relays must be"},
      {"[mail]\nrelays = [\"127.0.0.1\"]\n", "without this one's loopback"},
      {"[mail]\nrelays = [\"0.0.0.0/0\"]\n", "without this one's loopback"},
      {"[mail]\nrelays = [\"::1\"]\n", "without this one's loopback"},
      {"[mail]\nrelays = [\"::ffff:127.1.2.3\"]\n", "without this one's loopback"},
      {"[mail]\nrelays = [\"::/0\"]\n", "without this one's loopback"},
      {"[mail.unattributed]\nmessages_per_hour = -1\n", "agent.toml:2: mail.unattributed.messages_per_hour must be"},
      {"[mail.unattributed]\nconnections = 1\n", "mail.unattributed.connections is not a key"},
      {"[reconcile]\naccounts_per_second = 0\n", "must be a whole number from 1 to 10000"},
      {"[api]\nlisten = \"localhost:80\"\n", "api.listen must be an address with its port"},
      {"[api]\nlisten = \"127.0.0.1\"\n", "api.listen must be an address with its port"},
      {"[api]\nlisten = \"127.0.0.1:0\"\n", "api.listen must be an address with its port"},
      {"[api]\nlisten = \"127.0.0.1:65536\"\n", "api.listen must be an address with its port"},
      {"[api]\nlisten = \"127.0.0.1\\u0000:80\"\n", "api.listen must be an address with its port"},
      {"[api]\nlisten = \"::1:80\"\n", "api.listen must be an address with its port"},
      {"[api]\nlisten = \"0.0.0.0:8443\"\n", "agent.toml:2: api.listen must be a loopback address"},
      {"[api]\nlisten = \"[::]:8443\"\n", "agent.toml:2: api.listen must be a loopback address"},
      {"[api]\ntls_key = \"/k\"\n", "agent.toml:2: api.tls_key must not be alone"},
      {"[api]\ntls_certificate = \"/c\"\n", "agent.toml:2: api.tls_certificate must not be alone"},
      {"[api]\ntls_key = \"k\"\n", "api.tls_key must be the absolute path"},
      {"[api]\ntls_certificate = 1\n", "api.tls_certificate must be the absolute path"},
      {"[api]\nrequests_per_second = 0\n", "must be a whole number from 1 to 100000"},
      {"[api]\nburst = 100001\n", "must be a whole number from 1 to 100000"},
      {"[overhead]\nagent_percent = 0\n", "overhead.agent_percent must be a number from 0.01 to 100"},
      {"[overhead]\nagent_percent = \"1\"\n", "overhead.agent_percent must be a number from 0.01 to 100"},
      {"[overhead]\nkernel_percent = 100.1\n", "overhead.kernel_percent must be a number from 0.01 to 100"},
      {"[overhead]\nkernel_percent = nan\n", "overhead.kernel_percent must be a number from 0.01 to 100"},
      {"[overhead]\nmemory_mb = 4097\n", "must be a whole number from 1 to 4096"},
      {"[overhead]\nseconds = 86401\n", "must be a whole number from 1 to 86400"},
      {"[overhead]\ndrop_limits = \"yes\"\n", "overhead.drop_limits must be true or false"},
      {"[overhead]\ndrop_limits = 1\n", "overhead.drop_limits must be true or false"},
      {"[watchdog]\ninterval_seconds = 61\n", "must be a whole number from 1 to 60"},
      {"[watchdog]\ntimeout_seconds = 31\n", "must be a whole number from 1 to 30"},
      {"[watchdog]\nrestarts_per_hour = 0\n", "must be a whole number from 1 to 1000"},
      {"[defaults.limits]\npids_max = -5\n", "agent.toml:2: defaults.limits.pids_max must be"},
      {"[defaults.limits]\npids_max = 1.5\n", "defaults.limits.pids_max must be"},
      {"[defaults.limits]\nmemory_high_bytes = 1073741824\n",
       "agent.toml:2: defaults.limits.memory_high_bytes must not be above"},
      {"[defaults.smtp]\nmode = \"hard\"\n", "defaults.smtp.mode must be"},
      {"[defaults.smtp]\nper_minute = 1\nburst = 5000\n", "agent.toml:3: defaults.smtp.burst must be"},
      {"[defaults.smtp]\nper_minute = 0\n", "agent.toml:2: defaults.smtp.burst must be 0"},
      {"\n[smtp\n", "agent.toml:2: "},
      {"a = \"\xff\"\n", "agent.toml:1: "}};
  for (const auto& row : rows) {
    const auto config = read_text(row.text);
    ASSERT_FALSE(config) << row.text;
    EXPECT_EQ(config.error().text.find("agent.toml:"), 0U) << row.text << " said: " << config.error().text;
    EXPECT_NE(config.error().text.find(row.said), std::string::npos) << row.text << " said: " << config.error().text;
  }
}

TEST(Config, AsksForTheNearestKey) {
  const struct {
    const char* text;
    const char* said;
  } rows[] = {{"[smtp]\nport = [25]\n", "did you mean smtp.ports?"},
              {"[smpt]\nports = [25]\n", "did you mean smtp.ports?"},
              {"[defaults.limits]\npid_max = 5\n", "did you mean defaults.limits.pids_max?"},
              {"[reconcile]\naccount_per_seconds = 5\n", "did you mean reconcile.accounts_per_second?"}};
  for (const auto& row : rows) {
    const auto config = read_text(row.text);
    ASSERT_FALSE(config) << row.text;
    EXPECT_NE(config.error().text.find(row.said), std::string::npos) << config.error().text;
  }
  for (const std::string& text :
       {std::string("[smtp]\ngreeting = 1\n"), std::string("colour = 1\n"), "[" + std::string(100000, 'x') + "]\n"})
    EXPECT_EQ(read_text(text).error().text.find("did you mean"), std::string::npos) << "nothing is near";
}

// Each of these would otherwise exhaust the stack when it is destroyed.
TEST(Config, RefusesAFileThatOnlyNests) {
  std::string dots = "[a";
  for (int i = 0; i < 200000; ++i) dots += ".a";
  EXPECT_FALSE(read_text(dots + "]\n"));
  EXPECT_FALSE(read_text(dots));
  EXPECT_FALSE(read_text("a = [ '''\n# ''', { " + dots.substr(1) + " = 1 } ]\n"));
  EXPECT_FALSE(read_text("a = " + std::string(200000, '[')));
  EXPECT_TRUE(read_text("#" + std::string(2000, '.') + "\n")) << "in a comment dots do no harm";
}

TEST(Config, ANameOfALogMayHaveADate) {
  const auto config = read_text("[mail]\nlogs = [\"/var/log/exim/%slog-%D\", \"/var/log/mail-%M\"]\n");
  ASSERT_TRUE(config) << config.error().text;
  EXPECT_EQ(config->mail_logs.front(), "/var/log/exim/%slog-%D");
  for (const char* wrong : {"/var/log/%Y", "/var/log/main%", "/var/log/%%D", "log-%D"}) {
    const auto refused = read_text(std::string("[mail]\nlogs = [\"") + wrong + "\"]\n");
    ASSERT_FALSE(refused) << wrong;
    EXPECT_NE(refused.error().text.find("agent.toml:2: mail.logs must be a list"), std::string::npos)
        << refused.error().text;
  }
}

TEST(Config, TheLeastUidOfAnAccountIsConfigured) {
  EXPECT_EQ(read_text("")->least_uid, 1000U);
  EXPECT_EQ(read_text("[accounts]\nleast_uid = 500\n")->least_uid, 500U);
  EXPECT_FALSE(read_text("[accounts]\nleast_uid = 0\n"));
}

std::string quoted_networks(const char* format, int count) {
  std::string list;
  for (int i = 0; i < count; ++i) {
    std::array<char, 64> text{};
    std::snprintf(text.data(), text.size(), format, i / 256, i % 256);
    list += std::string(i == 0 ? "" : ", ") + text.data();
  }
  return "[" + list + "]";
}

// Dots inside quotes nest nothing.
TEST(Config, TakesAsManyNetworksAsItPromises) {
  for (const char* format : {"\"10.%d.%d.0/24\"", "'10.%d.%d.0/24'", "\"2001:db8:%x:%x::/64\""}) {
    const std::string full = quoted_networks(format, 1024);
    std::string text = "[smtp]\nallow = ";
    text.append(full).append("\n[mail]\nrelays = ").append(full).append("\n");
    const auto config = read_text(text);
    ASSERT_TRUE(config) << config.error().text;
    EXPECT_EQ(config->smtp_allow.size(), 1024U);
    EXPECT_EQ(config->mail_relays.size(), 1024U);
    const auto set = parse_set("smtp.allow=" + full);
    ASSERT_TRUE(set) << set.error().text;
    EXPECT_EQ(set->values.smtp_allow.size(), 1024U);
    const auto more = read_text("[smtp]\nallow = " + quoted_networks(format, 1025) + "\n");
    ASSERT_FALSE(more);
    EXPECT_NE(more.error().text.find("agent.toml:2: smtp.allow must be a list of at most 1024"), std::string::npos)
        << more.error().text;
  }
}

// What only looks like a string hides no dots.
TEST(Config, CountsTheDotsBehindEveryKindOfString) {
  std::string keys = "a";
  for (int i = 0; i < 200000; ++i) keys += ".a";
  for (const char* before :
       {R"("it's")", R"('a"b')", R"("a\"b")", R"('a\')", R"("a\\")", R"("""x""""")", "'''x'''''", "\"\"", "''",
        "\"\"\"\n'''\n\\\"\"\"\"\"\"", "'''\n\"\"\"\n'''", "1 # \"\"\"\n", "1 # '\n"})
    EXPECT_FALSE(read_text("[smtp]\nx = [" + std::string(before) + ", {" + keys + " = 1}]\n")) << before;
}

// What the package installs shows every key with its built-in value: taking the comments off changes nothing.
TEST(Config, ShippedFileShowsTheBuiltInValues) {
  std::ifstream shipped(NPANEL_SOURCE_DIR "/deploy/agent.toml");
  std::string text;
  for (std::string line; std::getline(shipped, line);)
    text += (line.starts_with("#") && line.find(" = ") != std::string::npos ? line.substr(1) : line) + "\n";
  const auto loaded = load_config({.vendor = "", .file = "agent.toml"}, {{"agent.toml", text}});
  ASSERT_TRUE(loaded) << loaded.error().text;
  for (const ConfigValue& value : loaded->values) {
    ASSERT_EQ(value.hidden.size(), 1U) << value.key << " is not in the shipped file";
    EXPECT_EQ(value.now.value, value.hidden[0].value) << value.key;
  }
}

}  // namespace
}  // namespace npanel
