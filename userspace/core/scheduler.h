// SPDX-License-Identifier: Apache-2.0
// scheduler.h: how does one thread do what takes seconds and still answer at once?
#pragma once

#include <deque>
#include <functional>

#include "base/unique_fd.h"

namespace npanel {

// Tasks that are done in small steps between requests.
class Scheduler {
 public:
  // True: call me again. A step takes a millisecond or so.
  using Step = std::function<bool()>;
  Scheduler();

  void add(Step step);
  // One step each second: for who waits for others.
  void add_each_second(Step step) { slow_.push_back(std::move(step)); }

  // Readable while a task waits for its next step.
  [[nodiscard]] int fd() const { return wake_.get(); }
  // Steps of the tasks in turn, for some milliseconds.
  void run();
  void each_second();

 private:
  UniqueFd wake_;
  std::deque<Step> fast_;
  std::deque<Step> slow_;
};

}  // namespace npanel
