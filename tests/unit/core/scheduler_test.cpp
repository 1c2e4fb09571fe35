// SPDX-License-Identifier: Apache-2.0
#include "core/scheduler.h"

#include <gtest/gtest.h>
#include <poll.h>

#include <string>

namespace npanel {
namespace {

bool readable(int fd) {
  pollfd one{.fd = fd, .events = POLLIN, .revents = 0};
  return ::poll(&one, 1, 0) == 1;
}

TEST(Scheduler, IsAskedForAsLongAsAStepWaits) {
  Scheduler scheduler;
  EXPECT_FALSE(readable(scheduler.fd()));
  int left = 3;
  scheduler.add([&] { return --left > 0; });
  while (readable(scheduler.fd())) scheduler.run();
  EXPECT_EQ(left, 0);
}

TEST(Scheduler, TasksTakeTurns) {
  Scheduler scheduler;
  std::string order;
  for (const char name : {'a', 'b'})
    scheduler.add([&order, name, left = 3]() mutable {
      order += name;
      return --left > 0;
    });
  while (readable(scheduler.fd())) scheduler.run();
  EXPECT_EQ(order, "ababab");
}

TEST(Scheduler, AnEndlessTaskLetsOthersRun) {
  Scheduler scheduler;
  bool stop = false;
  scheduler.add([&] { return !stop; });
  scheduler.run();  // comes back
  EXPECT_TRUE(readable(scheduler.fd()));
  stop = true;
  scheduler.run();
  EXPECT_FALSE(readable(scheduler.fd()));
}

TEST(Scheduler, AStepMayAddAnother) {
  Scheduler scheduler;
  int done = 0;
  scheduler.add([&] {
    scheduler.add([&] { return ++done < 1; });
    return false;
  });
  while (readable(scheduler.fd())) scheduler.run();
  EXPECT_EQ(done, 1);
}

TEST(Scheduler, SlowTasksDoOneStepASecondAndAskForNothing) {
  Scheduler scheduler;
  int left = 2;
  scheduler.add_each_second([&] { return --left > 0; });
  EXPECT_FALSE(readable(scheduler.fd()));
  scheduler.each_second();
  EXPECT_EQ(left, 1);
  scheduler.each_second();
  scheduler.each_second();
  EXPECT_EQ(left, 0);
}

}  // namespace
}  // namespace npanel
