// SPDX-License-Identifier: Apache-2.0
// What the kernel tells of a refusal, and that a limit needs none of it.
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <thread>

#include "helper/process_facts.h"
#include "kernel/smtp_programs.h"
#include "support/child.h"
#include "support/connect.h"
#include "support/sandbox.h"

namespace npanel {
namespace {

constexpr uint16_t kSmtp = 25;
constexpr int kBurst = 3;
constexpr int kTries = 500;

class Telemetry : public testing::Test {
 protected:
  void SetUp() override {
    auto programs = SmtpPrograms::attach({.cgroup_fd = sandbox_.tree().fd(),
                                          .account_level = sandbox_.tree().account_level(),
                                          .pin_dir = sandbox_.pin_dir(),
                                          .rules = {.ports = {kSmtp}},
                                          .features = features_on()});
    ASSERT_TRUE(programs) << programs.error().text;
    programs_.emplace(std::move(*programs));
    const Account bob{.name = "bob", .slot = 1, .smtp = {.per_minute = 1, .burst = kBurst}};
    ASSERT_TRUE(programs_->set(bob, bob.mail, cgroup_.id().value(), NP_OVERRIDE_NONE));
  }

  // The results of so many connects, and who made them.
  std::vector<int> connect(int times) {
    return run_in({&cgroup_}, [times] {
      std::vector<int> results{::getpid()};
      for (int i = 0; i < times; ++i) results.push_back(connect_once({"127.0.0.1", kSmtp}));
      return results;
    });
  }
  std::vector<np_smtp_refusal> records() {
    std::vector<np_smtp_refusal> found;
    EXPECT_TRUE(programs_->connect.drain_refusals([&](const np_smtp_refusal& refusal) { found.push_back(refusal); }));
    return found;
  }
  static void expect_limit_held(const std::vector<int>& results, int passed) {
    EXPECT_EQ(std::count(results.begin() + 1, results.end(), 0), passed);
    EXPECT_EQ(std::count(results.begin() + 1, results.end(), EPERM), std::ssize(results) - 1 - passed);
  }

  Sandbox sandbox_;
  Listener smtp_{kSmtp};
  Cgroup cgroup_ = sandbox_.tree().find_or_make("bob").value();
  std::optional<SmtpPrograms> programs_;
};

TEST_F(Telemetry, TheKernelSaysWhoItWas) {
  const auto results = connect(kBurst + 1);
  const auto found = records();
  ASSERT_EQ(found.size(), 1U);
  const np_smtp_refusal& one = found.front();
  EXPECT_EQ(one.pid, static_cast<__u32>(results.front()));
  EXPECT_EQ(one.parent_pid, static_cast<__u32>(::getpid()));
  std::string comm;
  std::getline(std::ifstream("/proc/self/comm"), comm);
  EXPECT_EQ(comm, one.parent_comm);
  const std::string program = std::filesystem::read_symlink("/proc/self/exe").filename();
  EXPECT_EQ(program.substr(0, NP_PROGRAM_LEN - 1), one.program);
  EXPECT_EQ(one.cgroup, cgroup_.id().value());
  EXPECT_GT(one.start_ns, 0U);
  EXPECT_LE(one.start_ns, one.at_ns);
}

// A thread's process, not the thread: pid and start time are what /proc/PID has.
TEST_F(Telemetry, PidAndStartTimeAreThoseOfProc) {
  run_in({&cgroup_}, [&] {
    std::jthread([] {
      for (int i = 0; i <= kBurst; ++i) connect_once({"127.0.0.1", kSmtp});
    }).join();
    const auto found = records();
    const auto say = [](std::string_view, std::string_view) {};
    const bool same = found.size() == 1 && found[0].pid == static_cast<__u32>(::getpid()) &&
                      say_process(static_cast<pid_t>(found[0].pid), found[0].start_ns, say) == 0;
    const bool other = found.size() == 1 &&
                       say_process(static_cast<pid_t>(found[0].pid), found[0].start_ns + 1'000'000'000, say) == ESRCH;
    EXPECT_TRUE(same);
    EXPECT_TRUE(other);
    return std::vector<int>{same, other};
  });
}

TEST_F(Telemetry, LimitsHoldExactlyWithoutARecord) {
  ASSERT_TRUE(programs_->connect.set_records_a_second(0));
  expect_limit_held(connect(kTries), kBurst);
  EXPECT_TRUE(records().empty());
  EXPECT_EQ(programs_->connect.count(1).denied, static_cast<__u64>(kTries - kBurst));
  EXPECT_EQ(programs_->connect.count(1).allowed, static_cast<__u64>(kBurst));
}

TEST_F(Telemetry, FewerRecordsTellOfAllTheSame) {
  ASSERT_TRUE(programs_->connect.set_records_a_second(2));
  expect_limit_held(connect(kBurst + 100), kBurst);
  const auto few = records();
  EXPECT_GE(few.size(), 2U);
  EXPECT_LE(few.size(), 6U) << "three seconds at the most";
  ASSERT_TRUE(programs_->connect.set_records_a_second(NP_SMTP_RECORDS_A_SECOND));
  ::sleep(1);
  expect_limit_held(connect(1), 0);
  const auto next = records();
  ASSERT_EQ(next.size(), 1U);
  uint64_t told = 0;
  for (const auto* each : {&few, &next})
    for (const np_smtp_refusal& record : *each) told += 1 + uint64_t{record.missed};
  EXPECT_EQ(told, 101U);
}

TEST_F(Telemetry, MoreThanTheWholeIsTheWhole) {
  ASSERT_TRUE(programs_->connect.set_records_a_second(1'000'000));
  connect(kTries);
  EXPECT_GE(records().size(), NP_SMTP_RECORDS_A_SECOND);
}

}  // namespace
}  // namespace npanel
