// SPDX-License-Identifier: Apache-2.0
#include "daemon/event_loop.h"

#include <sys/epoll.h>
#include <sys/signalfd.h>
#include <systemd/sd-event.h>

#include <csignal>
#include <ctime>
#include <utility>

namespace npanel {
namespace {

constexpr uint64_t kNever = UINT64_MAX;
constexpr uint64_t kAccuracyUs = 1000;

Result<void> checked(int result, const char* what) {
  if (result < 0) return errno_failure(what, -result);
  return {};
}

uint64_t now_us(sd_event_source* source) {
  uint64_t now = 0;
  sd_event_now(sd_event_source_get_event(source), CLOCK_MONOTONIC, &now);
  return now;
}

}  // namespace

struct EventLoop::Source {
  std::function<void()> handler;
  std::function<std::optional<uint64_t>()> timeout_ms;
  uint64_t interval_us = 0;
  sd_event_source* source = nullptr;
  sd_event_source* timer = nullptr;

  ~Source() {
    sd_event_source_disable_unref(timer);
    sd_event_source_disable_unref(source);
  }

  static int on_io(sd_event_source*, int, uint32_t, void* self) {
    static_cast<Source*>(self)->handler();
    return 0;
  }
  static int on_signal(sd_event_source*, const signalfd_siginfo*, void* self) {
    static_cast<Source*>(self)->handler();
    return 0;
  }
  static int on_late(sd_event_source*, uint64_t, void* self) {
    static_cast<Source*>(self)->handler();
    return 0;
  }
  static int on_tick(sd_event_source* source, uint64_t, void* self) {
    auto* tick = static_cast<Source*>(self);
    tick->handler();
    sd_event_source_set_time(source, now_us(source) + tick->interval_us);
    return sd_event_source_set_enabled(source, SD_EVENT_ONESHOT);
  }
  static int before_sleep(sd_event_source*, void* self) {
    auto* io = static_cast<Source*>(self);
    const auto ms = io->timeout_ms();
    sd_event_source_set_time(io->timer, ms ? now_us(io->timer) + *ms * 1000 : kNever);
    return sd_event_source_set_enabled(io->timer, ms ? SD_EVENT_ONESHOT : SD_EVENT_OFF);
  }
};

EventLoop::EventLoop(sd_event* event) : event_(event) {}
EventLoop::EventLoop(EventLoop&& other) noexcept
    : event_(std::exchange(other.event_, nullptr)), sources_(std::move(other.sources_)) {}
EventLoop::~EventLoop() {
  sources_.clear();
  sd_event_unref(event_);
}

Result<EventLoop> EventLoop::make() {
  sd_event* event = nullptr;
  NP_TRY(checked(sd_event_new(&event), "sd_event_new"));
  return EventLoop(event);
}

EventLoop::Source& EventLoop::add_source(std::function<void()> handler) {
  Source& added = *sources_.emplace_back(std::make_unique<Source>());
  added.handler = std::move(handler);
  return added;
}

Result<void> EventLoop::on_readable(int fd, std::function<void()> handler) {
  Source& added = add_source(std::move(handler));
  return checked(sd_event_add_io(event_, &added.source, fd, EPOLLIN, Source::on_io, &added), "watch a descriptor");
}

Result<void> EventLoop::on_readable_or_late(int fd, std::function<void()> handler,
                                            std::function<std::optional<uint64_t>()> timeout_ms) {
  Source& added = add_source(std::move(handler));
  added.timeout_ms = std::move(timeout_ms);
  NP_TRY(checked(sd_event_add_io(event_, &added.source, fd, EPOLLIN, Source::on_io, &added), "watch a descriptor"));
  NP_TRY(checked(sd_event_add_time(event_, &added.timer, CLOCK_MONOTONIC, kNever, kAccuracyUs, Source::on_late, &added),
                 "add a timer"));
  return checked(sd_event_source_set_prepare(added.source, Source::before_sleep), "prepare a timer");
}

Result<void> EventLoop::every(std::chrono::microseconds interval, std::function<void()> handler) {
  Source& added = add_source(std::move(handler));
  added.interval_us = static_cast<uint64_t>(interval.count());
  return checked(sd_event_add_time_relative(event_, &added.source, CLOCK_MONOTONIC, added.interval_us, kAccuracyUs,
                                            Source::on_tick, &added),
                 "add a timer");
}

Result<void> EventLoop::on_signal(int signal, std::function<void()> handler) {
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, signal);
  ::sigprocmask(SIG_BLOCK, &set, nullptr);
  Source& added = add_source(std::move(handler));
  return checked(sd_event_add_signal(event_, &added.source, signal, Source::on_signal, &added), "watch a signal");
}

Result<void> EventLoop::keep_watchdog() {
  return checked(sd_event_set_watchdog(event_, 1), "keep the systemd watchdog");
}

Result<void> EventLoop::run() {
  return checked(sd_event_loop(event_), "event loop");
}

void EventLoop::stop() {
  sd_event_exit(event_, 0);
}

}  // namespace npanel
