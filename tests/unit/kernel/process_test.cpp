// SPDX-License-Identifier: Apache-2.0
// Who is still there? In a cgroup and a /proc that look like such.
#include "kernel/process.h"

#include <fcntl.h>
#include <gtest/gtest.h>

#include "support/temp_dir.h"

namespace npanel {
namespace {

TEST(StillThere, CountsAllAndNamesSomeOfThemWithTheirNestedOnes) {
  const TempDir dir;
  dir.write("cgroup/cgroup.procs", "7\n8\n9\n");
  dir.write("cgroup/nested/cgroup.procs", "10\n");
  dir.write("proc/7/stat", "7 (a (b) c) D 1 7 7 0\n");
  dir.write("proc/7/wchan", "percpu_rwsem_wait");
  dir.write("proc/9/stat", "9 (cp) R 1 9 9 0\n");
  dir.write("proc/9/wchan", "0");
  dir.write("proc/10/stat", "10 (nested) Z 1 9 9 0\n");
  const Cgroup cgroup = Cgroup::open(AT_FDCWD, dir.path("cgroup")).value();
  const StillThere all = still_there(cgroup, 5, dir.path("proc")).value();
  EXPECT_EQ(all.all, 4U);
  ASSERT_EQ(all.some.size(), 3U) << "nothing tells of 8";
  EXPECT_EQ(all.some[0].name, "a (b) c");
  EXPECT_EQ(all.some[0].state, 'D');
  EXPECT_EQ(all.some[0].waits_in, "percpu_rwsem_wait");
  EXPECT_EQ(all.some[1].waits_in, "");
  EXPECT_EQ(all.some[2].pid, 10);
  EXPECT_EQ(still_there(cgroup, 1, dir.path("proc"))->some.size(), 1U);
}

TEST(CountProcessesOf, GoesByTheRealUid) {
  const TempDir dir;
  dir.write("7/status", "Name:\tUid:\t4001\nUmask:\t0022\nUid:\t4001\t0\t0\t0\n");
  dir.write("8/status", "Name:\tsu\nUid:\t0\t4001\t4001\t4001\n");
  dir.write("9/status", "Name:\tphp\nUid:\t4002\t4002\t4002\t4002\n");
  dir.write("10/status", "Name:\tgone\n");
  dir.write("self/status", "Name:\tphp\nUid:\t4001\t4001\t4001\t4001\n");
  dir.write("11/comm", "php\n");
  EXPECT_EQ(count_processes_of({4001, 4002}, dir.path("")), 2U);
  EXPECT_EQ(count_processes_of({4003}, dir.path("")), 0U);
  EXPECT_EQ(count_processes_of({}, dir.path("")), 0U);
}

}  // namespace
}  // namespace npanel
