// SPDX-License-Identifier: Apache-2.0
// small_disk.h: a real disk that is soon full, without root.
#pragma once

#include <gtest/gtest.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/wait.h>
#include <unistd.h>

#include <fstream>
#include <functional>
#include <string>

namespace npanel {

inline bool enter_private_mounts() {
  if (::geteuid() == 0)
    return ::unshare(CLONE_NEWNS) == 0 && ::mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) == 0;
  const auto uid = std::to_string(::getuid());
  const auto gid = std::to_string(::getgid());
  if (::unshare(CLONE_NEWUSER | CLONE_NEWNS) != 0) return false;
  std::ofstream("/proc/self/setgroups") << "deny";
  std::ofstream("/proc/self/uid_map") << "0 " + uid + " 1";
  std::ofstream("/proc/self/gid_map") << "0 " + gid + " 1";
  return true;
}

// Runs `work` in a child process that has a tmpfs of `bytes` mounted at `at`, which only it can see. `work` uses EXPECT
// as usual. Root needs no user namespace; a host that forbids them to others fails the test.
inline void on_small_disk(const std::string& at, size_t bytes, const std::function<void()>& work) {
  constexpr int kForbidden = 77;
  const pid_t child = ::fork();
  if (child == 0) {
    const std::string options = "size=" + std::to_string(bytes);
    if (!enter_private_mounts() || ::mount("tmpfs", at.c_str(), "tmpfs", 0, options.c_str()) != 0) ::_exit(kForbidden);
    work();
    ::_exit(testing::Test::HasFailure() ? 1 : 0);
  }
  int status = 0;
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  ASSERT_TRUE(WIFEXITED(status)) << "signal " << WTERMSIG(status);
  ASSERT_NE(WEXITSTATUS(status), kForbidden) << "no mounts of one's own may be made here: run it as root";
  EXPECT_EQ(WEXITSTATUS(status), 0);
}

}  // namespace npanel
