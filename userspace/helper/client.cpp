// SPDX-License-Identifier: Apache-2.0
#include "helper/client.h"

#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <sys/un.h>

#include <algorithm>
#include <cstring>
#include <system_error>
#include <vector>

namespace npanel {
namespace {

constexpr int kUnansweredMost = 3;  // the helper answers by its own deadline: who does not is another, or hangs

void watch(int epoll, int fd) {
  epoll_event event{.events = EPOLLIN, .data = {.fd = fd}};
  ::epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event);
}

}  // namespace

HelperClient::HelperClient(std::string path)
    : path_(std::move(path)),
      epoll_(::epoll_create1(EPOLL_CLOEXEC)),
      timer_(::timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK)) {
  watch(epoll_.get(), timer_.get());
}

// A full backlog is EAGAIN: nobody waits.
int HelperClient::connect() {
  if (socket_.valid()) return 0;
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path_.empty() || path_.size() >= sizeof(address.sun_path)) return ENOENT;
  std::memcpy(address.sun_path, path_.c_str(), path_.size() + 1);
  UniqueFd socket(::socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!socket.valid()) return errno;
  if (::connect(socket.get(), reinterpret_cast<const sockaddr*>(&address), sizeof(address)) != 0) return errno;
  watch(epoll_.get(), socket.get());
  socket_ = std::move(socket);
  unanswered_ = 0;
  return 0;
}

void HelperClient::hang_up() {
  socket_ = UniqueFd();  // and out of the epoll set
}

// Once more over a new connection: the helper may have been restarted.
int HelperClient::send(const Question& question) {
  for (int error = 0;;) {
    const bool fresh = !socket_.valid();
    if (error = connect(); error != 0) return error;
    if (error = send_question(socket_.get(), question); error == 0) return 0;
    if (error == EAGAIN) return error;  // it has more to read than it can
    hang_up();
    if (fresh) return error;
  }
}

void HelperClient::ask(Question question, std::chrono::milliseconds patience, Reply reply) {
  question.number = next_++;
  const int error = send(question);
  complaint_ = error == 0 ? "" : path_ + ": " + std::generic_category().message(error);
  const auto until = Clock::now() + (error == 0 ? patience : std::chrono::milliseconds::zero());
  waiting_.emplace(question.number,
                   Waiting{.reply = std::move(reply), .until = until, .error = error == 0 ? ETIME : error});
  by_deadline_.emplace(until, question.number);
  set_timer();
}

void HelperClient::run() {
  uint64_t ignored = 0;
  [[maybe_unused]] const ssize_t expired = ::read(timer_.get(), &ignored, sizeof(ignored));
  take_answers();
  end_late();
  set_timer();
}

void HelperClient::take_answers() {
  while (socket_.valid()) {
    const auto answer = receive_answer(socket_.get());
    if (!answer) {
      if (errno != EAGAIN && errno != EINTR) hang_up();
      return;
    }
    unanswered_ = 0;
    auto found = waiting_.extract(answer->number);
    if (found.empty()) continue;  // too late
    by_deadline_.erase({found.mapped().until, answer->number});
    found.mapped().reply(*answer);
  }
}

void HelperClient::end_late() {
  const auto now = Clock::now();
  std::vector<uint64_t> late;
  for (; !by_deadline_.empty() && by_deadline_.begin()->first <= now; by_deadline_.erase(by_deadline_.begin()))
    late.push_back(by_deadline_.begin()->second);
  for (const uint64_t number : late) {
    const Waiting waiting = std::move(waiting_.extract(number).mapped());
    if (waiting.error == ETIME && ++unanswered_ >= kUnansweredMost) hang_up();
    waiting.reply({.number = number, .error = waiting.error});  // which may ask again
  }
}

void HelperClient::set_timer() {
  itimerspec when{};
  if (!by_deadline_.empty()) {
    const auto first = by_deadline_.begin()->first.time_since_epoch();
    const auto ns = std::max<int64_t>(std::chrono::duration_cast<std::chrono::nanoseconds>(first).count(), 1);
    when.it_value = {.tv_sec = ns / 1'000'000'000, .tv_nsec = ns % 1'000'000'000};
  }
  ::timerfd_settime(timer_.get(), TFD_TIMER_ABSTIME, &when, nullptr);
}

}  // namespace npanel
