// SPDX-License-Identifier: Apache-2.0
// The usage walk and the account tree on this very kernel. What needs controllers is proven in vmtest/.
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include <algorithm>
#include <csignal>
#include <ctime>

#include "base/file.h"
#include "base/parse.h"
#include "kernel/process.h"
#include "kernel/usage_walk.h"
#include "support/child.h"
#include "support/sandbox.h"

namespace npanel {
namespace {

constexpr int kWaitMs = 5000;

class Usage : public testing::Test {
 protected:
  void SetUp() override {
    auto walk = UsageWalk::load(sandbox_.tree().fd(), sandbox_.tree().account_level(), kMost);
    ASSERT_TRUE(walk) << walk.error().text;
    walk_.emplace(std::move(*walk));
  }

  Cgroup make(const std::string& name) { return sandbox_.tree().find_or_make(name).value(); }

  std::optional<np_usage> usage_of(const Cgroup& cgroup) {
    const auto rows = walk_->walk();
    if (!rows) return std::nullopt;
    const auto row = std::ranges::find(*rows, cgroup.id().value(), &np_usage::cgroup_id);
    return row == rows->end() ? std::nullopt : std::optional(*row);
  }

  static constexpr uint32_t kMost = 64;
  Sandbox sandbox_;
  std::optional<UsageWalk> walk_;
};

uint64_t cpu_stat(const Cgroup& cgroup, std::string_view key) {
  return flat_key(cgroup.read("cpu.stat").value(), key).value();
}

// By CPU time, not by the wall clock: a busy test host must not matter.
std::vector<int> burn_some_cpu() {
  const std::clock_t end = std::clock() + CLOCKS_PER_SEC / 20;
  while (std::clock() < end) {
  }
  return {0};
}

TEST_F(Usage, MeetsEveryAccountAndNothingElse) {
  const Cgroup bob = make("bob");
  const Cgroup eve = make("eve");
  ASSERT_EQ(::mkdirat(bob.fd(), "site", 0755), 0);
  const auto rows = walk_->walk();
  ASSERT_TRUE(rows) << rows.error().text;
  EXPECT_EQ(rows->size(), 2u);
  EXPECT_TRUE(usage_of(bob));
  EXPECT_TRUE(usage_of(eve));
}

TEST_F(Usage, SaysForHowManyAccountsItHadNoPlace) {
  for (uint32_t i = 0; i < kMost; ++i) make("bob" + std::to_string(i));
  ASSERT_TRUE(walk_->walk());
  EXPECT_EQ(walk_->dropped(), 0U);
  for (int i = 0; i < 3; ++i) make("eve" + std::to_string(i));
  EXPECT_EQ(walk_->walk()->size(), kMost);
  EXPECT_EQ(walk_->dropped(), 3U);
}

TEST_F(Usage, EqualsCpuStatWhenNothingRuns) {
  const Cgroup bob = make("bob");
  ASSERT_EQ(run_in({&bob}, burn_some_cpu), std::vector{0});
  const auto usage = usage_of(bob);
  ASSERT_TRUE(usage);
  EXPECT_GE(usage->runtime_ns, 40'000'000u);
  EXPECT_EQ(usage->runtime_ns / 1000, cpu_stat(bob, "usage_usec"));
}

TEST_F(Usage, CountsWhatRunsBelowTheAccount) {
  const Cgroup bob = make("bob");
  ASSERT_EQ(::mkdirat(bob.fd(), "site", 0755), 0);
  const Cgroup site = Cgroup::open(bob.fd(), "site").value();
  ASSERT_EQ(run_in({&site}, burn_some_cpu), std::vector{0});
  EXPECT_EQ(usage_of(bob)->runtime_ns / 1000, cpu_stat(bob, "usage_usec"));
  EXPECT_GE(usage_of(bob)->runtime_ns, 40'000'000u);
}

TEST_F(Usage, OffersTheGroupsThatTheCgroupHasFilesFor) {
  const Cgroup bob = make("bob");
  const auto usage = usage_of(bob);
  ASSERT_TRUE(usage);
  const struct {
    np_usage_group group;
    const char* file;
  } rows[] = {{NP_USAGE_BANDWIDTH, "cpu.max"},       {NP_USAGE_MEMORY, "memory.max"}, {NP_USAGE_PIDS, "pids.max"},
              {NP_USAGE_PIDS_EVENTS, "pids.events"}, {NP_USAGE_PARTS, "memory.stat"}, {NP_USAGE_IO, "io.stat"},
              {NP_USAGE_PRESSURE, "cpu.pressure"}};
  for (const auto& row : rows) EXPECT_EQ((usage->groups & row.group) != 0, bob.read(row.file).has_value()) << row.file;
}

TEST_F(Usage, WalksAgainAndAgain) {
  const Cgroup bob = make("bob");
  for (int i = 0; i < 100; ++i) ASSERT_EQ(walk_->walk()->size(), 1u);
}

TEST_F(Usage, StopsAtTheAccountsItHasRoomFor) {
  for (uint32_t i = 0; i < kMost + 5; ++i) make("a" + std::to_string(i));
  EXPECT_EQ(walk_->walk()->size(), kMost);
}

TEST_F(Usage, NoLongerMeetsARemovedAccount) {
  make("bob");
  ASSERT_TRUE(sandbox_.tree().remove("bob", kWaitMs).value());
  EXPECT_EQ(walk_->walk()->size(), 0u);
}

using Tree = Usage;

TEST_F(Tree, KillsAndRemovesAnAccountWithAllBelowIt) {
  const Cgroup bob = make("bob");
  ASSERT_EQ(::mkdirat(bob.fd(), "site", 0755), 0);
  const Cgroup site = Cgroup::open(bob.fd(), "site").value();
  const pid_t child = ::fork();
  if (child == 0) {
    for (;;) ::pause();
  }
  ASSERT_TRUE(site.add(child));
  EXPECT_EQ(site.pids(), std::vector{child});
  EXPECT_TRUE(sandbox_.tree().remove("bob", kWaitMs).value());
  int status = 0;
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  EXPECT_TRUE(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
  EXPECT_EQ(sandbox_.tree().find("bob").error().code, ENOENT);
  EXPECT_TRUE(sandbox_.tree().remove("bob", kWaitMs).value());
}

TEST_F(Tree, FreezesAndThaws) {
  const Cgroup bob = make("bob");
  ASSERT_TRUE(bob.write("cgroup.freeze", "1"));
  EXPECT_EQ(bob.read("cgroup.freeze").value(), "1\n");
  ASSERT_TRUE(bob.write("cgroup.freeze", "0"));
}

TEST_F(Tree, KnowsWhetherItsMountIsTheRootOfTheHierarchy) {
  EXPECT_TRUE(sandbox_.tree().at_hierarchy_root());
  const std::string part = sandbox_.cgroup_mount() + "/" + sandbox_.cgroup_path();
  EXPECT_FALSE(AccountTree::open(part, "inner")->at_hierarchy_root());
}

TEST_F(Tree, SaysWhatIsNoCgroupMount) {
  const auto tree = AccountTree::open("/tmp", "npanel");
  ASSERT_FALSE(tree);
  EXPECT_NE(tree.error().text.find("/tmp is not a cgroup v2 mount"), std::string::npos) << tree.error().text;
}

TEST_F(Tree, RlimitFallbackHoldsAProcessThatNoControllerHolds) {
  const auto results = run_in({}, [] {
    if (!apply_rlimit_fallback(::getpid(), {.address_space_bytes = 64ULL << 20, .processes = 32}))
      return std::vector{-1};
    rlimit processes{};
    ::getrlimit(RLIMIT_NPROC, &processes);
    void* const block = std::malloc(256ULL << 20);
    const int got = block != nullptr;
    std::free(block);
    return std::vector{got, static_cast<int>(processes.rlim_max)};
  });
  EXPECT_EQ(results, (std::vector{0, 32}));
}

}  // namespace
}  // namespace npanel
