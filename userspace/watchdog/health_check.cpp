// SPDX-License-Identifier: Apache-2.0
#include "watchdog/health_check.h"

#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <algorithm>
#include <cstring>

namespace npanel {
namespace {

constexpr std::string_view kRequest = "GET /healthz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";
constexpr std::string_view kHealthy = "HTTP/1.1 200 ";
constexpr size_t kReadMost = 64;  // the status line says it all
constexpr int64_t kRetryAfterUs = 100'000;

}  // namespace

Result<HealthCheck> HealthCheck::make(std::string socket, int64_t timeout_ms) {
  if (socket.empty() || socket.size() >= sizeof(sockaddr_un::sun_path))
    return failure("socket path must be 1 to 107 bytes long: " + socket, EINVAL);
  UniqueFd epoll(::epoll_create1(EPOLL_CLOEXEC));
  if (!epoll.valid()) return errno_failure("epoll_create1", errno);
  return HealthCheck(std::move(socket), timeout_ms, std::move(epoll));
}

void HealthCheck::begin(int64_t now_us) {
  attempts_ = {};
  began_us_ = now_us;
  made_ = 1;
  connect(attempts_[0]);
}

void HealthCheck::connect(Attempt& attempt) {
  attempt.connection = UniqueFd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  const int fd = attempt.connection.get();
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::memcpy(address.sun_path, socket_.c_str(), socket_.size() + 1);
  // A unix socket connects at once or not at all; the request fits into its empty buffer.
  const bool sent = fd >= 0 && ::connect(fd, reinterpret_cast<const sockaddr*>(&address), sizeof(address)) == 0 &&
                    ::send(fd, kRequest.data(), kRequest.size(), MSG_NOSIGNAL) == static_cast<ssize_t>(kRequest.size());
  const int error = errno;
  epoll_event wanted{.events = EPOLLIN, .data = {}};
  if (!sent)
    attempt.failed = errno_failure("connect to " + socket_, error).error().text;
  else if (::epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, fd, &wanted) != 0)
    attempt.failed = errno_failure("epoll_ctl", errno).error().text;
}

void HealthCheck::receive(Attempt& attempt) {
  if (!attempt.connection.valid() || attempt.failed) return;
  char bytes[kReadMost];
  const ssize_t got = ::recv(attempt.connection.get(), bytes, sizeof(bytes), 0);
  if (got < 0 && (errno == EAGAIN || errno == EINTR)) return;
  if (got < 0) attempt.failed = errno_failure("read the answer of " + socket_, errno).error().text;
  if (got == 0) attempt.failed = "the agent closed the connection without an answer";
  if (got > 0) attempt.received.append(bytes, static_cast<size_t>(got));
  if (attempt.received.size() >= kHealthy.size() && !attempt.received.starts_with(kHealthy))
    attempt.failed = "/healthz answered: " + attempt.received.substr(0, attempt.received.find('\r'));
  if (attempt.failed) attempt.connection = UniqueFd();
}

bool HealthCheck::retry_is_due(int64_t now_us) const {
  if (made_ >= attempts_.size()) return false;
  return now_us - *began_us_ >= (attempts_[0].failed ? kRetryAfterUs : timeout_us_ / 2);
}

std::optional<uint64_t> HealthCheck::timeout_ms(int64_t now_us) const {
  if (!began_us_) return std::nullopt;
  int64_t due_us = *began_us_ + timeout_us_;
  if (made_ < attempts_.size())
    due_us = std::min(due_us, *began_us_ + (attempts_[0].failed ? kRetryAfterUs : timeout_us_ / 2));
  return due_us <= now_us ? 0 : static_cast<uint64_t>((due_us - now_us) / 1000 + 1);
}

HealthCheck::Answer HealthCheck::end(int64_t now_us, std::optional<std::string> why) {
  const Answer answer{.latency_us = now_us - *began_us_, .why = std::move(why)};
  attempts_ = {};
  began_us_.reset();
  return answer;
}

std::optional<HealthCheck::Answer> HealthCheck::run(int64_t now_us) {
  if (!began_us_) return std::nullopt;
  if (retry_is_due(now_us)) connect(attempts_[made_++]);
  bool all_failed = made_ == attempts_.size();
  for (Attempt& attempt : attempts_) {
    receive(attempt);
    if (attempt.received.starts_with(kHealthy)) return end(now_us, std::nullopt);
    all_failed = all_failed && attempt.failed.has_value();
  }
  if (all_failed) return end(now_us, attempts_.back().failed);
  if (now_us - *began_us_ < timeout_us_) return std::nullopt;
  return end(now_us, "no answer within " + std::to_string(timeout_us_ / 1000) + " ms");
}

}  // namespace npanel
