// SPDX-License-Identifier: Apache-2.0
#include "daemon/self_check.h"

#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <array>
#include <cstring>

namespace npanel {

Result<SelfCheck> SelfCheck::make(std::vector<Way> ways) {
  for (const Way& way : ways)
    if (way.socket.empty() || way.socket.size() >= sizeof(sockaddr_un::sun_path))
      return failure("socket path must be 1 to 107 bytes long: " + way.socket, EINVAL);
  UniqueFd epoll(::epoll_create1(EPOLL_CLOEXEC));
  if (!epoll.valid()) return errno_failure("epoll_create1", errno);
  return SelfCheck(std::move(ways), std::move(epoll));
}

// A full backlog (EAGAIN) is silence: nobody accepts.
SelfCheck::Asked SelfCheck::ask(const Way& way) const {
  Asked asked{.connection = UniqueFd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0))};
  const int fd = asked.connection.get();
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::memcpy(address.sun_path, way.socket.c_str(), way.socket.size() + 1);
  if (fd < 0) return asked;
  if (::connect(fd, reinterpret_cast<const sockaddr*>(&address), sizeof(address)) != 0) {
    asked.gone = errno != EAGAIN;
    return asked;
  }
  epoll_event event{.events = EPOLLIN, .data = {.fd = fd}};
  ::epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, fd, &event);
  // It fits into an empty buffer.
  if (::send(fd, way.question.data(), way.question.size(), MSG_NOSIGNAL) < 0) asked.connection = UniqueFd();
  return asked;
}

std::vector<std::string> SelfCheck::begin() {
  std::vector<std::string> silent;
  missing_.clear();
  for (size_t i = 0; i < asked_.size(); ++i) {
    if (asked_[i].gone)
      missing_.push_back(ways_[i].socket);
    else if (!asked_[i].answered)
      silent.push_back(ways_[i].socket);
  }
  asked_.clear();
  for (const Way& way : ways_) asked_.push_back(ask(way));
  return silent;
}

void SelfCheck::run() {
  for (size_t i = 0; i < asked_.size(); ++i) {
    Asked& asked = asked_[i];
    if (!asked.connection.valid() || asked.answered) continue;
    std::array<char, 4096> piece{};
    const ssize_t bytes = ::recv(asked.connection.get(), piece.data(), piece.size(), MSG_DONTWAIT);
    if (bytes < 0 && (errno == EAGAIN || errno == EINTR)) continue;
    if (bytes > 0) asked.received.append(piece.data(), static_cast<size_t>(bytes));
    asked.answered = asked.received.starts_with(ways_[i].answer);
    // Hung up, or another answer: it is over, and unwatched.
    if (bytes <= 0 || asked.answered || !ways_[i].answer.starts_with(asked.received)) asked.connection = UniqueFd();
  }
}

}  // namespace npanel
