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

}  // namespace
}  // namespace npanel
