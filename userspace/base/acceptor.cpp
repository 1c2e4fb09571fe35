// SPDX-License-Identifier: Apache-2.0
#include "base/acceptor.h"

#include <fcntl.h>
#include <sys/epoll.h>

#include <cerrno>

#include "base/clock.h"

namespace npanel {
namespace {

// A loop that tried at once again would do nothing else.
constexpr int64_t kRestUs = 100'000;

bool is_shortage(int error) {
  return error == EMFILE || error == ENFILE || error == ENOBUFS || error == ENOMEM;
}

bool is_unix(int socket) {
  int domain = 0;
  socklen_t bytes = sizeof(domain);
  return ::getsockopt(socket, SOL_SOCKET, SO_DOMAIN, &domain, &bytes) == 0 && domain == AF_UNIX;
}

std::optional<uid_t> peer_uid(int socket) {
  ucred peer{};
  socklen_t bytes = sizeof(peer);
  if (::getsockopt(socket, SOL_SOCKET, SO_PEERCRED, &peer, &bytes) != 0) return std::nullopt;
  return peer.uid;
}

}  // namespace

Result<Acceptor> Acceptor::listen(std::vector<UniqueFd> sockets, AcceptRules rules) {
  UniqueFd epoll(::epoll_create1(EPOLL_CLOEXEC));
  if (!epoll.valid()) return errno_failure("epoll_create1", errno);
  Acceptor acceptor(std::move(epoll), std::move(rules));
  for (UniqueFd& socket : sockets) NP_TRY(acceptor.add(std::move(socket)));
  return acceptor;
}

Result<void> Acceptor::add(UniqueFd socket) {
  // systemd hands over sockets that block.
  if (::fcntl(socket.get(), F_SETFL, O_NONBLOCK) != 0) return errno_failure("make a socket non-blocking", errno);
  epoll_event event{.events = EPOLLIN, .data = {.fd = socket.get()}};
  if (::epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, socket.get(), &event) != 0)
    return errno_failure("watch a listening socket", errno);
  const bool over_unix = is_unix(socket.get());
  listeners_.push_back({.socket = std::move(socket), .is_unix = over_unix});
  return {};
}

std::optional<uint64_t> Acceptor::timeout_ms() const {
  if (rests_until_us_ == 0) return std::nullopt;
  const int64_t left_us = rests_until_us_ - steady_us();
  return left_us <= 0 ? 0 : static_cast<uint64_t>(left_us) / 1000 + 1;
}

std::vector<Accepted> Acceptor::accept() {
  std::vector<Accepted> fresh;
  if (rests_until_us_ > steady_us()) return fresh;
  rests_until_us_ = 0;
  for (const Listener& listener : listeners_)
    for (size_t i = 0; i < kAtOnce && rests_until_us_ == 0 && figures_.connections < rules_.connections_most; ++i) {
      auto one = accept_one(listener);
      if (!one) break;
      if (!is_welcome(one->uid)) continue;
      ++figures_.connections;
      if (one->uid) ++of_uid_[*one->uid];
      fresh.push_back(std::move(*one));
    }
  listen_or_not();
  return fresh;
}

std::optional<Accepted> Acceptor::accept_one(const Listener& listener) {
  Accepted one;
  one.socket = UniqueFd(::accept4(listener.socket.get(), reinterpret_cast<sockaddr*>(&one.address), &one.address_bytes,
                                  SOCK_NONBLOCK | SOCK_CLOEXEC));
  if (one.socket.valid()) {
    if (listener.is_unix) one.uid = peer_uid(one.socket.get());
    return one;
  }
  if (is_shortage(errno)) {
    ++figures_.shortages;
    rests_until_us_ = steady_us() + kRestUs;
  }
  return std::nullopt;
}

bool Acceptor::is_welcome(const std::optional<uid_t>& uid) {
  if (!uid || *uid == 0) return true;
  if (rules_.may_come && !rules_.may_come->contains(*uid)) {
    ++figures_.strangers;
    return false;
  }
  const bool room = figures_.connections + rules_.kept_for_root < rules_.connections_most;
  const auto has = of_uid_.find(*uid);
  if (room && (has == of_uid_.end() || has->second < rules_.connections_of_uid_most)) return true;
  ++figures_.over_share;
  return false;
}

void Acceptor::ended(const std::optional<uid_t>& uid) {
  --figures_.connections;
  if (uid)
    if (const auto has = of_uid_.find(*uid); has != of_uid_.end() && --has->second == 0) of_uid_.erase(has);
  listen_or_not();
}

// A socket that is watched and not accepted from would wake the loop up without end.
void Acceptor::listen_or_not() {
  const bool listens = rests_until_us_ == 0 && figures_.connections < rules_.connections_most;
  if (listens == listens_) return;
  listens_ = listens;
  for (const Listener& listener : listeners_) {
    epoll_event event{.events = listens ? EPOLLIN : 0U, .data = {.fd = listener.socket.get()}};
    ::epoll_ctl(epoll_.get(), EPOLL_CTL_MOD, listener.socket.get(), &event);
  }
}

// systemd has the same sockets open: closing ours does not end the watch.
void Acceptor::close() {
  for (const Listener& listener : listeners_) ::epoll_ctl(epoll_.get(), EPOLL_CTL_DEL, listener.socket.get(), nullptr);
  listeners_.clear();
}

AcceptFigures Acceptor::figures() const {
  return figures_;
}

}  // namespace npanel
