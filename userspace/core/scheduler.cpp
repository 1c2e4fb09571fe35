// SPDX-License-Identifier: Apache-2.0
#include "core/scheduler.h"

#include <sys/eventfd.h>

#include <chrono>

namespace npanel {
namespace {

constexpr auto kSlice = std::chrono::milliseconds(3);  // a request waits so long at the most

}  // namespace

Scheduler::Scheduler() : wake_(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {}

void Scheduler::add(Step step) {
  fast_.push_back(std::move(step));
  ::eventfd_write(wake_.get(), 1);
}

void Scheduler::run() {
  using Clock = std::chrono::steady_clock;
  for (const auto until = Clock::now() + kSlice; !fast_.empty() && Clock::now() < until;) {
    Step step = std::move(fast_.front());
    fast_.pop_front();
    if (step()) fast_.push_back(std::move(step));
  }
  eventfd_t ignored = 0;
  if (fast_.empty()) ::eventfd_read(wake_.get(), &ignored);
}

void Scheduler::each_second() {
  for (size_t left = slow_.size(); left > 0; --left) {
    Step step = std::move(slow_.front());
    slow_.pop_front();
    if (step()) slow_.push_back(std::move(step));
  }
}

}  // namespace npanel
