// SPDX-License-Identifier: Apache-2.0
#include "model/settings.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "support/capable_host.h"

namespace npanel {
namespace {

std::string text_of(const std::vector<Setting>& settings, std::string_view file) {
  const auto found = std::ranges::find(settings, file, &Setting::file);
  return found == settings.end() ? "absent" : found->text;
}

TEST(Settings, SayTheDefaultsOfAnAccount) {
  const std::vector<Setting> expected{{"cpu.max", "50000 100000"}, {"memory.high", "max"},
                                      {"memory.max", "536870912"}, {"memory.swap.max", "0"},
                                      {"pids.max", "256"},         {"io.max", "259:0 rbps=50000000 wbps=50000000"},
                                      {"cgroup.freeze", "0"}};
  EXPECT_EQ(settings_for({.name = "bob"}, capable_host()), expected);
}

TEST(Settings, SayMaxWhereThereIsNoLimit) {
  const auto settings = settings_for({.name = "bob", .limits = kUnlimited}, capable_host());
  EXPECT_EQ(text_of(settings, "cpu.max"), "max 100000");
  EXPECT_EQ(text_of(settings, "memory.max"), "max");
  EXPECT_EQ(text_of(settings, "pids.max"), "max");
  EXPECT_EQ(text_of(settings, "io.max"), "259:0 rbps=max wbps=max");
}

TEST(Settings, FreezeASuspendedAccount) {
  EXPECT_EQ(text_of(settings_for({.name = "bob", .state = AccountState::suspended}, capable_host()), "cgroup.freeze"),
            "1");
}

TEST(Settings, RoundMemoryDownToPagesAsTheKernelDoes) {
  const Limits limits{.memory_max_bytes = (64ULL << 20) + 4095};
  EXPECT_EQ(text_of(settings_for({.name = "bob", .limits = limits}, capable_host()), "memory.max"), "67108864");
}

TEST(Settings, LimitEveryDevice) {
  HostAbilities host = capable_host();
  host.devices = {"259:0", "8:16"};
  const auto settings = settings_for({.name = "bob"}, host);
  EXPECT_EQ(std::ranges::count(settings, "io.max", &Setting::file), 2);
}

TEST(Settings, LeaveAMissingControllerAlone) {
  const auto settings = settings_for({.name = "bob"}, host_without("memory"));
  for (const char* file : {"memory.max", "memory.high", "memory.swap.max"})
    EXPECT_EQ(text_of(settings, file), "absent");
  EXPECT_EQ(text_of(settings, "pids.max"), "256");
}

TEST(Holds, ComparesAWholeFile) {
  EXPECT_TRUE(matches({"memory.max", "max"}, "max\n"));
  EXPECT_TRUE(matches({"cpu.max", "20000 100000"}, "20000 100000\n"));
  EXPECT_FALSE(matches({"cpu.max", "20000 100000"}, "20000 50000\n"));
  EXPECT_FALSE(matches({"pids.max", "32"}, "320\n"));
}

TEST(Holds, FindsTheDeviceOfIoMax) {
  const Setting setting{"io.max", "259:0 rbps=1000000 wbps=max"};
  EXPECT_TRUE(
      matches(setting, "8:16 rbps=5 wbps=5 riops=max wiops=max\n259:0 rbps=1000000 wbps=max riops=max wiops=max\n"));
  EXPECT_FALSE(matches(setting, "259:0 rbps=1000000 wbps=7 riops=max wiops=max\n"));
  EXPECT_FALSE(matches(setting, "259:01 rbps=1000000 wbps=max riops=max wiops=max\n"));
  EXPECT_FALSE(matches(setting, ""));
}

TEST(Holds, TakesADeviceWithoutALineAsUnlimited) {
  EXPECT_TRUE(matches({"io.max", "259:0 rbps=max wbps=max"}, ""));
}

TEST(RlimitFallback, AreRlimitsForMemoryAndPidsOnly) {
  const Account account{.name = "bob"};
  EXPECT_EQ(rlimit_fallback_for(account, capable_host()), RlimitFallback{});
  EXPECT_EQ(rlimit_fallback_for(account, host_without("memory")),
            (RlimitFallback{.address_space_bytes = 512ULL << 20, .processes = {}}));
  EXPECT_EQ(rlimit_fallback_for(account, host_without("pids")),
            (RlimitFallback{.address_space_bytes = {}, .processes = 256}));
  EXPECT_EQ(rlimit_fallback_for(account, host_without("io")), RlimitFallback{});
}

TEST(Degraded, NamesEachMissingControllerAndWhatStandsIn) {
  const Account account{.name = "bob"};
  EXPECT_TRUE(degraded(account, capable_host()).empty());
  for (const char* controller : {"cpu", "memory", "pids", "io"}) {
    const auto reasons = degraded(account, host_without(controller));
    ASSERT_EQ(reasons.size(), 1u) << controller;
    EXPECT_TRUE(reasons.front().starts_with(controller)) << reasons.front();
  }
}

TEST(Degraded, IsSilentAboutALimitThatNobodyAskedFor) {
  EXPECT_TRUE(degraded({.name = "bob", .limits = {.cpu_percent = std::nullopt}}, host_without("cpu")).empty());
}

TEST(Degraded, SaysThatNoDeviceWasFound) {
  HostAbilities host = capable_host();
  host.devices.clear();
  EXPECT_EQ(degraded({.name = "bob"}, host).size(), 1u);
}

TEST(Degraded, SaysWhatIoMaxDoesNotReachToWhoHasALimitOfIt) {
  HostAbilities host = capable_host();
  host.io_gaps = {"/home: nfs4 is on no block device of this host, so io.max does not reach it"};
  EXPECT_EQ(degraded({.name = "bob"}, host), (std::vector<std::string>{"io: " + host.io_gaps.front()}));
  const Limits free{.io_read_bytes_per_s = {}, .io_write_bytes_per_s = {}};
  EXPECT_TRUE(degraded({.name = "bob", .limits = free}, host).empty());
}

TEST(Degraded, SaysThatWithoutTheMemoryControllerThePageCacheIsNobodys) {
  const auto reasons = degraded({.name = "bob"}, host_without("memory"));
  ASSERT_EQ(reasons.size(), 1u);
  EXPECT_NE(reasons.front().find("only reads and direct writes are limited"), std::string::npos) << reasons.front();
}

TEST(StaleIo, IsWhatIsLimitedAndNoDeviceOfOurs) {
  const std::string content =
      "8:16 rbps=5 wbps=max riops=max wiops=max\n259:0 rbps=9 wbps=9 riops=max wiops=max\n"
      "9:0 rbps=max wbps=7 riops=max wiops=max\n8:0 rbps=max wbps=max riops=3 wiops=max\n";
  const std::vector<Setting> expected{{"io.max", "8:16 rbps=max wbps=max"}, {"io.max", "9:0 rbps=max wbps=max"}};
  EXPECT_EQ(stale_io(content, capable_host()), expected);
  EXPECT_TRUE(stale_io("", capable_host()).empty());
}

TEST(MayReclaim, WhatIsLoweredBelowTwiceItsUse) {
  const Setting lower{"memory.max", "1000"};
  EXPECT_TRUE(may_reclaim(lower, "max\n", 501));
  EXPECT_TRUE(may_reclaim(lower, "2000\n", 5000));
  EXPECT_TRUE(may_reclaim({"memory.high", "1000"}, "max\n", 501));
  EXPECT_TRUE(may_reclaim(lower, "max\n", std::nullopt)) << "not known is not little";
  EXPECT_FALSE(may_reclaim(lower, "max\n", 500));
}

TEST(MayReclaim, NothingThatIsRaisedAndNothingElse) {
  EXPECT_FALSE(may_reclaim({"memory.max", "1000"}, "900\n", 900));
  EXPECT_FALSE(may_reclaim({"memory.max", "max"}, "900\n", 900));
  EXPECT_FALSE(may_reclaim({"memory.swap.max", "0"}, "max\n", 900));
  EXPECT_FALSE(may_reclaim({"pids.max", "10"}, "max\n", 900));
}

// As a cgroup's files read: a line a device, and a newline at the end.
ControlFiles files_of(const Account& account, const HostAbilities& host) {
  ControlFiles files;
  for (const Setting& setting : settings_for(account, host)) files[setting.file] += setting.text + "\n";
  return files;
}

TEST(Held, IsReadBackAsItWasWritten) {
  HostAbilities host = capable_host();
  host.devices = {"259:0", "8:16"};
  const Limits odd{.cpu_percent = 3,
                   .memory_max_bytes = {},
                   .memory_high_bytes = 1 << 20,
                   .swap_max_bytes = {},
                   .io_read_bytes_per_s = 1 << 20,
                   .io_write_bytes_per_s = {},
                   .pids_max = 10};
  for (const Limits& limits : {Limits{}, odd})
    EXPECT_EQ(limits_in(files_of({.name = "bob", .limits = limits}, host)), limits);
}

TEST(Held, WhatIsMissingOrStrangeLimitsNothing) {
  EXPECT_EQ(limits_in({}), kUnlimited);
  EXPECT_EQ(limits_in({{"cpu.max", "50000\n"}, {"pids.max", "many\n"}, {"io.max", "\n"}, {"memory.max", "max\n"}}),
            kUnlimited);
  EXPECT_EQ(limits_in({{"cpu.max", "50000 0\n"}}), kUnlimited);
}

TEST(Held, OfSeveralDevicesTheOneThatIsLimitedMostCounts) {
  const Limits limits =
      limits_in({{"io.max", "259:0 rbps=1048576 wbps=max riops=max wiops=max\n8:16 rbps=65536 wbps=131072\n"}});
  EXPECT_EQ(limits.io_read_bytes_per_s, 65536);
  EXPECT_EQ(limits.io_write_bytes_per_s, 131072);
}

TEST(Held, WhatNobodyCanAskForIsTheNearestThatOneCan) {
  const Limits limits = limits_in(
      {{"pids.max", "3\n"}, {"cpu.max", "1 100000\n"}, {"memory.max", "67108864\n"}, {"memory.high", "99999999999\n"}});
  EXPECT_EQ(limits.pids_max, 10);
  EXPECT_EQ(limits.cpu_percent, 1);
  EXPECT_EQ(limits.memory_high_bytes, 67108864);
  EXPECT_TRUE(check(limits));
}

TEST(Held, NoLimitBecomesLooserThanTheKernels) {
  const Account said{.name = "bob", .limits = {.cpu_percent = 200, .memory_max_bytes = 1 << 30, .pids_max = 20}};
  const Limits held = limits_in(files_of(
      {.name = "bob", .limits = {.cpu_percent = 50, .memory_max_bytes = 1 << 29, .pids_max = 64}}, capable_host()));
  const Limits now = not_looser(said, held, capable_host());
  EXPECT_EQ(now.cpu_percent, 50);
  EXPECT_EQ(now.memory_max_bytes, 1 << 29);
  EXPECT_EQ(now.pids_max, 20);
  EXPECT_EQ(not_looser(said, limits_in({}), capable_host()), said.limits) << "the feature was off, and nothing held";
}

TEST(Held, WholePagesAreNoDifference) {
  const Account said{.name = "bob", .limits = {.memory_max_bytes = (64ULL << 20) + 4095}};
  EXPECT_EQ(not_looser(said, limits_in(files_of(said, capable_host())), capable_host()), said.limits);
}

}  // namespace
}  // namespace npanel
