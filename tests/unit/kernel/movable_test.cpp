// SPDX-License-Identifier: Apache-2.0
// Who may put which process into an account: in a /proc that looks like one.
#include "kernel/movable.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include "support/temp_dir.h"

namespace npanel {
namespace {

constexpr uid_t kBob = 20001;
constexpr uid_t kEve = 20002;
constexpr pid_t kPid = 50;
constexpr Move kByRoot{.account_uid = kBob, .by_root = true};
constexpr Move kByMember{.account_uid = kBob};

class Movable : public testing::Test {
 protected:
  void put(pid_t pid, uid_t uid, const std::string& cgroup = "/user.slice") const {
    const std::string directory = std::to_string(pid);
    proc_.write(directory + "/stat", directory + " (a (b) c) S 2 0 0 0 -1 4194304 0 0 0\n");
    proc_.write(directory + "/cgroup", "1:name=systemd:/elsewhere\n0::" + cgroup + "\n");
    put_thread(pid, pid, {uid, uid, uid, uid});
    proc_.write(directory + "/status", text_of({uid, uid, uid, uid}));
  }

  void put_thread(pid_t pid, pid_t thread, const std::array<uid_t, 4>& uids) const {
    const std::string directory = std::to_string(pid) + "/task/" + std::to_string(thread);
    proc_.write(directory + "/status", text_of(uids));
    proc_.write(directory + "/children", "");
  }

  void has_started(pid_t pid, const std::string& children) const {
    proc_.write(std::to_string(pid) + "/task/" + std::to_string(pid) + "/children", children);
  }

  static std::string text_of(const std::array<uid_t, 4>& uids) {
    std::string text = "Name:\tx\nUmask:\t0022\nUid:";
    for (const uid_t uid : uids) text += "\t" + std::to_string(uid);
    return text + "\nGid:\t0\t0\t0\t0\n";
  }

  // 0: it may be moved.
  [[nodiscard]] int refused(const Move& move, pid_t pid = kPid) const {
    const auto checked = check_movable(pid, move, proc_.path());
    if (checked) return 0;
    EXPECT_EQ(checked.error().field, "pid") << checked.error().text;
    return checked.error().code;
  }

  TempDir proc_;
};

TEST_F(Movable, AccountsOwnProcessByEverybody) {
  put(kPid, kBob);
  EXPECT_EQ(refused(kByMember), 0);
  EXPECT_EQ(refused(kByRoot), 0);
}

TEST_F(Movable, AnotherUsersProcessByRootOnly) {
  for (const uid_t uid : {uid_t{0}, uid_t{33}, kEve}) {
    put(kPid, uid);
    EXPECT_EQ(refused(kByMember), EACCES) << uid;
    EXPECT_EQ(refused(kByRoot), 0) << uid;
  }
}

TEST_F(Movable, AccountWithoutUidTakesProcessesFromRootOnly) {
  put(kPid, kBob);
  EXPECT_EQ(refused({.account_uid = {}}), EACCES);
  EXPECT_EQ(refused({.account_uid = {}, .by_root = true}), 0);
}

TEST_F(Movable, EveryUidOfEveryThreadCounts) {
  for (const std::array<uid_t, 4>& uids : {std::array<uid_t, 4>{0, kBob, kBob, kBob},
                                           {kBob, 0, kBob, kBob},
                                           {kBob, kBob, 0, kBob},
                                           {kBob, kBob, kBob, kEve}}) {
    put(kPid, kBob);
    put_thread(kPid, 51, uids);
    EXPECT_EQ(refused(kByMember), EACCES);
    EXPECT_EQ(refused(kByRoot), 0);
  }
}

TEST_F(Movable, KernelThreadInitAndTheAgentByNobody) {
  put(kPid, 0);
  proc_.write("50/stat", "50 (kworker/0:1 (x) y) I 2 0 0 0 -1 69238880 0 0 0\n");  // flags with PF_KTHREAD
  put(1, 0);
  put(::getpid(), kBob);
  for (const Move& move : {kByMember, kByRoot}) {
    EXPECT_EQ(refused(move), EPERM);
    EXPECT_EQ(refused(move, 1), EPERM);
    EXPECT_EQ(refused(move, ::getpid()), EPERM);
  }
}

TEST_F(Movable, PartsOfSystemdTheBusAndOurUnitsByNobody) {
  for (const char* cgroup :
       {"/init.scope", "/system.slice/systemd-journald.service", "/system.slice/systemd-udevd.service/udev",
        "/system.slice/dbus.service", "/system.slice/dbus-broker.service", "/npanel.slice/npanel-agent.service",
        "/npanel.slice/npanel-watchdog.service"})
    for (const uid_t uid : {uid_t{0}, kBob}) {
      put(kPid, uid, cgroup);
      EXPECT_EQ(refused(kByMember), EPERM) << cgroup;
      EXPECT_EQ(refused(kByRoot), EPERM) << cgroup;
    }
}

// What customers may call their own cgroups must not make their processes untouchable.
TEST_F(Movable, CgroupsThatOnlyLookLikeSystemdsAreMovable) {
  for (const char* cgroup : {"/user.slice/user-20001.slice/user@20001.service/init.scope",
                             "/user.slice/user-20001.slice/user@20001.service/app.slice/systemd-journald.service",
                             "/npanel/bob/init.scope", "/system.slice/cron.service", "/"}) {
    put(kPid, kBob, cgroup);
    EXPECT_EQ(refused(kByMember), 0) << cgroup;
  }
}

TEST_F(Movable, SystemdsOwnHierarchyCountsWhereV2HasNone) {
  put(kPid, 0);
  proc_.write("50/cgroup", "4:pids:/\n1:name=systemd:/system.slice/dbus.service\n");
  EXPECT_EQ(refused(kByRoot), EPERM);
}

TEST_F(Movable, MasterOfSeveralUsersWorkersByNobody) {
  put(kPid, 0);
  has_started(kPid, "51 52 ");
  put(51, kBob);
  put(52, 0);
  EXPECT_EQ(refused(kByRoot), 0) << "one user's";
  has_started(52, "53 ");
  put(53, kEve);
  EXPECT_EQ(refused(kByRoot), EBUSY) << "a worker of a worker";
  EXPECT_EQ(refused(kByMember), EACCES);
  const auto checked = check_movable(kPid, kByRoot, proc_.path());
  EXPECT_NE(checked.error().text.find("20001, 20002"), std::string::npos) << checked.error().text;
}

TEST_F(Movable, MasterOfMoreThanCanBeLookedAtIsNotGuessedAbout) {
  put(kPid, 0);
  put(51, kBob);
  std::string children;
  for (int i = 0; i < 2001; ++i) children += "51 ";  // the same one each time: files are slow to make
  has_started(kPid, children);
  EXPECT_EQ(refused(kByRoot), EBUSY);
}

TEST_F(Movable, MoreThreadsThanCanBeLookedAtAreNotGuessedAbout) {
  put(kPid, kBob);
  for (int thread = 100; thread < 2100; ++thread)
    std::filesystem::create_directory(proc_.path("50/task/" + std::to_string(thread)));
  EXPECT_EQ(refused(kByMember), EBUSY);
}

TEST_F(Movable, WhatIsUnknownIsRefused) {
  EXPECT_EQ(refused(kByRoot), ESRCH);
  put(kPid, 0);
  std::filesystem::remove(proc_.path("50/task/50/children"));
  EXPECT_FALSE(check_movable(kPid, kByRoot, proc_.path())) << "a kernel without lists of children";
}

}  // namespace
}  // namespace npanel
