// SPDX-License-Identifier: Apache-2.0
#include "helper/process_facts.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>
#include <sstream>

#include "base/file.h"
#include "helper/wire.h"
#include "support/temp_dir.h"

namespace npanel {
namespace {

constexpr pid_t kPid = 4'000'001;
constexpr pid_t kParent = 4'000'002;
constexpr uint64_t kTickNs = 10'000'000;  // USER_HZ is 100 on every Linux that we run on

std::string stat_line(pid_t pid, const std::string& comm, pid_t parent, uint64_t start_ticks) {
  return std::to_string(pid) + " (" + comm + ") S " + std::to_string(parent) +
         " 1 1 0 -1 4194304 1 2 3 4 5 6 7 8 20 0 1 0 " + std::to_string(start_ticks) + " 1000 10\n";
}

class ProcessFacts : public testing::Test {
 protected:
  void process(pid_t pid, const std::string& stat) { dir_.write(std::to_string(pid) + "/stat", stat); }
  Fields facts(uint64_t start_ns, int expected = 0) {
    Fields said;
    const auto say = [&said](std::string_view name, std::string_view value) { said.emplace_back(name, value); };
    EXPECT_EQ(say_process(kPid, start_ns, say, dir_.path()), expected);
    return said;
  }
  TempDir dir_;
};

TEST_F(ProcessFacts, SayWhatIsThere) {
  process(kPid, stat_line(kPid, "php) S 1 (x", kParent, 500));
  process(kParent, stat_line(kParent, "bash", 0, 400));
  dir_.write(std::to_string(kPid) + "/cgroup", "12:cpu:/old\n0::/npanel/bob\n");
  dir_.write(std::to_string(kPid) + "/cmdline", std::string("php\0mail.php\0", 13));
  std::filesystem::create_symlink("/usr/bin/php", dir_.path(std::to_string(kPid) + "/exe"));
  EXPECT_EQ(facts(500 * kTickNs + 1), (Fields{{"exe", "/usr/bin/php"},
                                              {"cgroup", "/npanel/bob"},
                                              {"parent_pid", std::to_string(kParent)},
                                              {"parent_comm", "bash"},
                                              {"command", "php mail.php"}}));
}

TEST_F(ProcessFacts, OfARecycledPidNothingIsSaid) {
  process(kPid, stat_line(kPid, "innocent", 1, 501));
  EXPECT_EQ(facts(500 * kTickNs, ESRCH), Fields{});
}

TEST_F(ProcessFacts, OfAProcessThatIsGoneNothingIsSaid) {
  EXPECT_EQ(facts(500 * kTickNs, ESRCH), Fields{});
}

TEST_F(ProcessFacts, AParentThatBeganLaterIsNoParent) {
  process(kPid, stat_line(kPid, "php", kParent, 500));
  process(kParent, stat_line(kParent, "innocent", 1, 501));
  EXPECT_EQ(facts(500 * kTickNs), Fields{});
}

TEST_F(ProcessFacts, AChainOfParentsEndsAfterFive) {
  process(kPid, stat_line(kPid, "php", kParent, 500));
  for (pid_t pid = kParent; pid < kParent + 10; ++pid) process(pid, stat_line(pid, "sh", pid + 1, 400));
  const Fields said = facts(500 * kTickNs);
  EXPECT_EQ(std::ranges::count(said, "parent_pid", &Fields::value_type::first), 5);
}

TEST(ProcessFactsHere, AreThoseOfThisVeryProcess) {
  const auto stat = read_file_at(AT_FDCWD, "/proc/self/stat");
  ASSERT_TRUE(stat);
  // Field 22, counted behind the comm, which is field 2.
  std::istringstream rest(stat->substr(stat->rfind(')') + 2));
  std::string word;
  for (int number = 3; number <= 22; ++number) rest >> word;
  Fields said;
  const auto say = [&said](std::string_view name, std::string_view value) { said.emplace_back(name, value); };
  ASSERT_EQ(say_process(::getpid(), std::stoull(word) * kTickNs, say), 0);
  EXPECT_EQ(find_field(said, "exe"), std::filesystem::read_symlink("/proc/self/exe").string());
  EXPECT_EQ(find_field(said, "cwd"), std::filesystem::current_path().string());
  EXPECT_EQ(find_field(said, "parent_pid"), std::to_string(::getppid()));
  EXPECT_NE(find_field(said, "command").value_or("").find("process_facts_test"), std::string::npos);
}

}  // namespace
}  // namespace npanel
