// SPDX-License-Identifier: Apache-2.0
// Processes of this very kernel are moved, and one whose number is taken by a stranger meanwhile.
#include "kernel/movable.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <csignal>
#include <thread>

#include "base/file.h"
#include "support/child.h"
#include "support/sandbox.h"

namespace npanel {
namespace {

constexpr uid_t kBob = 20001;
constexpr uid_t kEve = 20002;
constexpr Move kByMember{.account_uid = kBob};

class MovableTest : public testing::Test {
 protected:
  // A child that rests as `uid` where `cgroup` is, until it is killed.
  static Child rest(uid_t uid, const Cgroup* cgroup) {
    Child child = start_in({.cgroup = cgroup, .uid = uid}, [] {
      ::pause();
      return std::vector<int>{};
    });
    while (!read_file_at(AT_FDCWD, "/proc/" + std::to_string(child.pid) + "/status")
                .value()
                .contains("Uid:\t" + std::to_string(uid) + "\t"))
      std::this_thread::yield();
    return child;
  }

  static void end(const Child& child) {
    ::kill(child.pid, SIGKILL);
    finish(child);
  }

  static std::string own_cgroup() {
    const std::string text = read_file_at(AT_FDCWD, "/proc/self/cgroup").value();
    const size_t begin = text.find("0::") + 3;
    return text.substr(begin, text.find('\n', begin) - begin);
  }

  [[nodiscard]] static bool holds(const Cgroup& cgroup, pid_t pid) {
    const auto pids = cgroup.pids().value();
    return std::ranges::find(pids, pid) != pids.end();
  }

  Sandbox sandbox_;
  Cgroup bob_ = sandbox_.tree().find_or_make("bob").value();
  Cgroup outside_ = sandbox_.tree().find_or_make("outside").value();
};

TEST_F(MovableTest, OwnProcessIsMoved) {
  const Child child = rest(kBob, &outside_);
  const HeldProcess process = HeldProcess::hold(child.pid).value();
  EXPECT_TRUE(check_movable(process, kByMember));
  EXPECT_TRUE(move_process(process, bob_, sandbox_.tree().mount_fd(), kByMember));
  EXPECT_TRUE(holds(bob_, child.pid));
  end(child);
}

TEST_F(MovableTest, AnotherUsersProcessIsNot) {
  const Child child = rest(kEve, &outside_);
  EXPECT_EQ(check_movable(HeldProcess::hold(child.pid).value(), kByMember).error().code, EACCES);
  end(child);
}

TEST_F(MovableTest, EndedProcessIsGoneAndNotItsSuccessor) {
  const Child child = rest(kBob, &outside_);
  const HeldProcess process = HeldProcess::hold(child.pid).value();
  ASSERT_TRUE(process.is_there());
  end(child);
  EXPECT_FALSE(process.is_there());
  EXPECT_EQ(check_movable(process, kByMember).error().code, ESRCH);
  EXPECT_FALSE(move_process(process, bob_, sandbox_.tree().mount_fd(), kByMember));
}

// cgroup.procs was written for bob's process, and eve's had its number already.
TEST_F(MovableTest, StrangerWithTheNumberGoesBackToItsParentsPlace) {
  const Cgroup home = Cgroup::open(sandbox_.tree().mount_fd(), "." + own_cgroup()).value();
  const Child stranger = rest(kEve, nullptr);
  ASSERT_TRUE(holds(home, stranger.pid));
  ASSERT_TRUE(bob_.add(stranger.pid));
  EXPECT_EQ(put_back_stranger(stranger.pid, bob_, sandbox_.tree().mount_fd(), kByMember).error().code, ESRCH);
  EXPECT_TRUE(holds(home, stranger.pid));
  EXPECT_FALSE(holds(bob_, stranger.pid));
  end(stranger);
}

TEST_F(MovableTest, AccountsOwnProcessWithTheNumberStays) {
  const Child other = rest(kBob, &bob_);
  EXPECT_EQ(put_back_stranger(other.pid, bob_, sandbox_.tree().mount_fd(), kByMember).error().code, ESRCH);
  EXPECT_TRUE(holds(bob_, other.pid));
  end(other);
}

}  // namespace
}  // namespace npanel
