// SPDX-License-Identifier: Apache-2.0
// What our programs cost, as this very kernel counts it. Nobody else may have BPF statistics switched on meanwhile.
#include "kernel/cost.h"

#include <bpf/bpf.h>
#include <fcntl.h>
#include <gtest/gtest.h>

#include <set>

#include "kernel/smtp_programs.h"
#include "kernel/usage_walk.h"
#include "support/child.h"
#include "support/connect.h"
#include "support/sandbox.h"

namespace npanel {
namespace {

constexpr Feature kMail = NP_EMAIL_RATE_LIMITING;
constexpr Feature kIsolation = NP_CGROUPS_ISOLATION;
constexpr uint16_t kSmtp = 25;
constexpr int kConnects = 200;
constexpr uid_t kNobody = 65534;

// Those that run for the sandbox's processes only: a tracing program sees the whole host's, and counts nobody knows.
std::vector<int> hooks_of(const SmtpPrograms& programs) {
  std::vector<int> hooks;
  for (const int fd : programs.program_fds()) {
    bpf_prog_info info{};
    __u32 length = sizeof(info);
    EXPECT_EQ(bpf_obj_get_info_by_fd(fd, &info, &length), 0);
    if (info.type == BPF_PROG_TYPE_CGROUP_SOCK_ADDR || info.type == BPF_PROG_TYPE_CGROUP_SOCK) hooks.push_back(fd);
  }
  return hooks;
}

class Cost : public testing::Test {
 protected:
  void SetUp() override {
    auto programs = SmtpPrograms::attach({.cgroup_fd = sandbox_.tree().fd(),
                                          .account_level = sandbox_.tree().account_level(),
                                          .pin_dir = sandbox_.pin_dir(),
                                          .rules = {.ports = {kSmtp}},
                                          .features = features_on()});
    ASSERT_TRUE(programs) << programs.error().text;
    programs_.emplace(std::move(*programs));
    const Account bob{
        .name = "bob",
        .slot = 1,
        .smtp = {.per_minute = 6000, .burst = 1000},
        .mail = {
            .messages_per_15min = {}, .recipients_per_15min = {}, .messages_per_hour = {}, .recipients_per_hour = {}}};
    ASSERT_TRUE(programs_->set(bob, bob.mail, bob_.id().value(), NP_OVERRIDE_NONE));
    ASSERT_TRUE(cost_.watch(kMail, {.programs = hooks_of(*programs_), .maps = programs_->map_fds()}));
  }

  // Over IPv4 and IPv6 in turn.
  void connect(int times = kConnects) {
    const auto results = run_in({&bob_}, [times] {
      std::vector<int> made;
      for (int i = 0; i < times; ++i) made.push_back(connect_once({i % 2 == 0 ? "127.0.0.1" : "::1", kSmtp}));
      return made;
    });
    EXPECT_EQ(results, std::vector<int>(static_cast<size_t>(times), 0));
  }

  // Of the connect hooks.
  [[nodiscard]] ProgramRuns runs() const {
    ProgramRuns sum;
    for (const int fd : hooks_of(*programs_)) {
      const auto runs = runs_of(fd);
      EXPECT_TRUE(runs) << runs.error().text;
      sum.time_ns += runs->time_ns;
      sum.count += runs->count;
    }
    return sum;
  }

  Sandbox sandbox_;
  Listener smtp_{kSmtp};
  Cgroup bob_ = sandbox_.tree().find_or_make("bob").value();
  std::optional<SmtpPrograms> programs_;
  KernelCost cost_;
  int64_t ms_ = 1'000'000;
};

TEST_F(Cost, CountsEveryConnectInTheWindow) {
  const ProgramRuns before = runs();
  cost_.tick(ms_);
  connect();
  const ProgramRuns after = runs();
  EXPECT_EQ(after.count - before.count, 2 * static_cast<uint64_t>(kConnects)) << "one for connect(), one for close()";
  EXPECT_GT(after.time_ns, before.time_ns);
}

TEST_F(Cost, CountsNothingOutsideOfTheWindow) {
  connect();
  EXPECT_EQ(runs().count, 0U) << "before the first window (or somebody else has statistics switched on)";
  cost_.tick(ms_);
  cost_.tick(ms_ + 1000);
  connect();
  EXPECT_EQ(runs().count, 0U) << "after its end";
}

TEST_F(Cost, MeasuresOneSecondOutOfTenAndNotAlwaysTheSame) {
  const int64_t start = ms_;
  std::set<int64_t> places;
  int counted = 0;
  for (; ms_ < start + 100'000; ms_ += 1000) {
    cost_.tick(ms_);
    const uint64_t before = runs().count;
    connect(1);
    if (runs().count == before) continue;
    ++counted;
    places.insert((ms_ - start) / 1000 % 10);
  }
  EXPECT_EQ(counted, 10);
  EXPECT_EQ(places.size(), 10U);
}

TEST_F(Cost, ScalesTheWindowUpToPercentOfACore) {
  EXPECT_EQ(cost_.percent(kMail), std::nullopt) << "before the first window";
  cost_.tick(ms_);
  const uint64_t before = runs().time_ns;
  connect();
  const uint64_t spent_ns = runs().time_ns - before;
  EXPECT_EQ(cost_.percent(kMail), std::nullopt) << "before its end";
  cost_.tick(ms_ + 2000);
  ASSERT_TRUE(cost_.percent(kMail)) << cost_.reason();
  EXPECT_DOUBLE_EQ(*cost_.percent(kMail), 100.0 * static_cast<double>(spent_ns) / 2e9);
}

TEST_F(Cost, RunsAboveTheRateDoNotCount) {
  cost_.tick(ms_);
  connect();
  cost_.tick(ms_ + 1000);
  const double all = cost_.percent(kMail).value();
  EXPECT_DOUBLE_EQ(cost_.percent(kMail, 2.0 * kConnects).value(), all) << "so many there were";
  EXPECT_NEAR(cost_.percent(kMail, kConnects / 2.0).value(), all / 4, all / 1000);
}

TEST_F(Cost, AveragesTheWindowsOfTheLastMinute) {
  cost_.tick(ms_);
  connect();
  cost_.tick(ms_ += 1000);
  const double busy = cost_.percent(kMail).value();
  EXPECT_GT(busy, 0);
  while (cost_.percent(kMail).value() == busy) cost_.tick(ms_ += 1000);
  EXPECT_DOUBLE_EQ(cost_.percent(kMail).value(), busy / 2) << "the second window was idle";
  for (int second = 0; second < 60; ++second) cost_.tick(ms_ += 1000);
  EXPECT_DOUBLE_EQ(cost_.percent(kMail).value(), 0) << "the first one is forgotten, and idle is no unknown";
}

TEST_F(Cost, ForgetsWhatOtherProgramsDidBefore) {
  cost_.tick(ms_);
  connect();
  cost_.tick(ms_ += 1000);
  EXPECT_GT(cost_.percent(kMail).value(), 0);
  ASSERT_TRUE(cost_.watch(kMail, {.programs = hooks_of(*programs_), .maps = {}}));
  EXPECT_EQ(cost_.percent(kMail), std::nullopt);
}

TEST_F(Cost, WindowThatWasOpenWhenTheProgramsCameDoesNotCountForThem) {
  cost_.tick(ms_);
  ASSERT_TRUE(cost_.watch(kMail, {.programs = hooks_of(*programs_), .maps = {}}));
  connect();
  cost_.tick(ms_ += 1000);
  EXPECT_EQ(cost_.percent(kMail), std::nullopt);
}

TEST_F(Cost, KnowsEachFeatureAlone) {
  auto walk = UsageWalk::load(sandbox_.tree().fd(), sandbox_.tree().account_level(), 64);
  ASSERT_TRUE(walk) << walk.error().text;
  ASSERT_TRUE(cost_.watch(kIsolation, {.programs = walk->program_fds(), .maps = walk->map_fds()}));
  cost_.tick(ms_);
  ASSERT_TRUE(walk->walk());
  cost_.tick(ms_ + 1000);
  EXPECT_GT(cost_.percent(kIsolation).value(), 0);
  EXPECT_DOUBLE_EQ(cost_.percent(kMail).value(), 0);
  EXPECT_EQ(cost_.percent(NP_QUOTA_ENFORCEMENT), std::nullopt);
  cost_.forget(kIsolation);
  EXPECT_EQ(cost_.percent(kIsolation), std::nullopt);
  EXPECT_EQ(cost_.memory_bytes(kIsolation), std::nullopt);
}

TEST_F(Cost, KnowsTheMemoryOfMapsAndPrograms) {
  const uint64_t slots_bytes = NP_SLOTS * (sizeof(np_smtp_limit) + sizeof(np_mail_budget) + sizeof(np_smtp_count));
  EXPECT_GT(cost_.memory_bytes(kMail).value(), slots_bytes);
  EXPECT_EQ(cost_.memory_bytes(kIsolation), std::nullopt);
  ASSERT_TRUE(cost_.watch(kIsolation, {.programs = hooks_of(*programs_), .maps = {}}));
  EXPECT_LT(cost_.memory_bytes(kIsolation).value(), slots_bytes);
}

TEST_F(Cost, RefusesWhatIsNoDescriptorAndNoBpfObject) {
  EXPECT_FALSE(cost_.watch(kIsolation, {.programs = {-1}, .maps = {}}));
  EXPECT_EQ(cost_.memory_bytes(kIsolation), std::nullopt);
  EXPECT_FALSE(runs_of(-1));
  EXPECT_FALSE(memory_of(-1));
  const UniqueFd file(::open("/dev/null", O_RDONLY | O_CLOEXEC));
  EXPECT_FALSE(runs_of(file.get()));
  EXPECT_FALSE(memory_of(file.get()));
}

TEST_F(Cost, IsUnknownWithAReasonWhereStatisticsAreForbidden) {
  const auto child = run_in({nullptr, kNobody}, [&] {
    cost_.tick(ms_);
    cost_.tick(ms_ + 1000);
    return std::vector<int>{cost_.percent(kMail).has_value(),
                            cost_.reason().find("not permitted") != std::string::npos};
  });
  EXPECT_EQ(child, (std::vector{0, 1}));
}

TEST_F(Cost, HoldsProgramsThatWereReplaced) {
  programs_.reset();
  cost_.tick(ms_);
  cost_.tick(ms_ + 1000);
  EXPECT_DOUBLE_EQ(cost_.percent(kMail).value(), 0) << cost_.reason();
}

}  // namespace
}  // namespace npanel
