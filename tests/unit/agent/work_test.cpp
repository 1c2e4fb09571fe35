// SPDX-License-Identifier: Apache-2.0
#include "agent/work.h"

#include <gtest/gtest.h>
#include <poll.h>

#include <string>

namespace npanel {
namespace {

bool readable(int fd) {
  pollfd one{.fd = fd, .events = POLLIN, .revents = 0};
  return ::poll(&one, 1, 0) == 1;
}

TEST(Work, IsAskedForAsLongAsAStepWaits) {
  Work work;
  EXPECT_FALSE(readable(work.fd()));
  int left = 3;
  work.add([&] { return --left > 0; });
  while (readable(work.fd())) work.run();
  EXPECT_EQ(left, 0);
}

TEST(Work, TasksTakeTurns) {
  Work work;
  std::string order;
  for (const char name : {'a', 'b'})
    work.add([&order, name, left = 3]() mutable {
      order += name;
      return --left > 0;
    });
  while (readable(work.fd())) work.run();
  EXPECT_EQ(order, "ababab");
}

TEST(Work, AnEndlessTaskLetsOthersRun) {
  Work work;
  bool stop = false;
  work.add([&] { return !stop; });
  work.run();  // comes back
  EXPECT_TRUE(readable(work.fd()));
  stop = true;
  work.run();
  EXPECT_FALSE(readable(work.fd()));
}

TEST(Work, AStepMayAddAnother) {
  Work work;
  int done = 0;
  work.add([&] {
    work.add([&] { return ++done < 1; });
    return false;
  });
  while (readable(work.fd())) work.run();
  EXPECT_EQ(done, 1);
}

TEST(Work, SlowTasksDoOneStepASecondAndAskForNothing) {
  Work work;
  int left = 2;
  work.add_each_second([&] { return --left > 0; });
  EXPECT_FALSE(readable(work.fd()));
  work.each_second();
  EXPECT_EQ(left, 1);
  work.each_second();
  work.each_second();
  EXPECT_EQ(left, 0);
}

}  // namespace
}  // namespace npanel
