// SPDX-License-Identifier: Apache-2.0
#include "mail/policy_server.h"

#include <fcntl.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <unordered_map>
#include <utility>

namespace npanel {
namespace {

constexpr size_t kConnectionsMost = 2048;
constexpr int kEventsAtOnce = 64;
constexpr int kRoundsAtOnce = 16;  // then the API and the timers have their turn

std::optional<uid_t> peer_uid(int fd) {
  ucred peer{};
  socklen_t length = sizeof(peer);
  if (::getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &length) != 0) return std::nullopt;
  return peer.uid;
}

}  // namespace

struct PolicyServer::Connection {
  UniqueFd socket;
  std::string in = {};
  std::string out = {};
  bool ended = false;  // the client will ask no more
  bool waits_to_write = false;
};

struct PolicyServer::State {
  UniqueFd epoll;
  std::vector<UniqueFd> listening;
  std::set<uid_t> may_ask;
  PolicyDecider decide;
  std::unordered_map<int, Connection> connections = {};
  PolicyFigures figures = {};
  std::string complaint = {};

  Result<void> watch(int fd, uint32_t events, int operation) const {
    epoll_event event{.events = events, .data = {.fd = fd}};
    if (::epoll_ctl(epoll.get(), operation, fd, &event) != 0) return errno_failure("watch a policy socket", errno);
    return {};
  }

  void accept_all(int fd) {
    for (;;) {
      UniqueFd client(::accept4(fd, nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC));
      if (!client.valid()) return;
      const auto uid = peer_uid(client.get());
      if (!uid || (*uid != 0 && !may_ask.contains(*uid))) {
        ++figures.strangers;
        continue;
      }
      if (connections.size() >= kConnectionsMost) continue;
      const int number = client.get();
      if (watch(number, EPOLLIN, EPOLL_CTL_ADD)) connections.emplace(number, Connection{.socket = std::move(client)});
    }
  }

  // False when the connection is to be closed.
  bool read(Connection& connection) {
    std::array<char, kPolicyRequestMost> buffer;
    const ssize_t got = ::read(connection.socket.get(), buffer.data(), buffer.size());
    if (got < 0) return errno == EAGAIN || errno == EINTR;
    if (got == 0) connection.ended = true;
    connection.in.append(buffer.data(), static_cast<size_t>(got));
    return answer_all(connection);
  }

  bool answer_all(Connection& connection) {
    size_t at = 0;
    const std::string_view in = connection.in;
    for (size_t end; (end = in.find("\n\n", at)) != std::string_view::npos; at = end + 2) {
      if (end - at > kPolicyRequestMost) return malformed("request must be at most 16384 bytes");
      const auto request = parse_policy_request(in.substr(at, end - at));
      if (!request) return malformed(request.error().text);
      ++figures.requests;
      connection.out += "action=" + decide(*request) + "\n\n";
    }
    connection.in.erase(0, at);
    if (connection.in.size() > kPolicyRequestMost) return malformed("request must be at most 16384 bytes");
    if (connection.ended && !connection.in.empty()) return malformed("request must end with an empty line");
    return true;
  }

  bool malformed(std::string why) {
    ++figures.malformed;
    complaint = std::move(why);
    return false;
  }

  bool write(Connection& connection) const {
    while (!connection.out.empty()) {
      const ssize_t sent = ::send(connection.socket.get(), connection.out.data(), connection.out.size(), MSG_NOSIGNAL);
      if (sent < 0 && errno == EINTR) continue;
      if (sent < 0 && errno != EAGAIN) return false;
      if (sent < 0) break;
      connection.out.erase(0, static_cast<size_t>(sent));
    }
    if (connection.out.empty() && connection.ended) return false;
    const bool waits = !connection.out.empty();
    if (waits == connection.waits_to_write) return true;
    connection.waits_to_write = waits;
    // Who does not take his answers is not read from either, so that they stay few.
    return watch(connection.socket.get(), waits ? EPOLLOUT : EPOLLIN, EPOLL_CTL_MOD).has_value();
  }

  void serve(int fd, uint32_t events) {
    const auto found = connections.find(fd);
    if (found == connections.end()) return;
    Connection& connection = found->second;
    const bool readable = (events & (EPOLLIN | EPOLLHUP | EPOLLERR)) != 0 && !connection.waits_to_write;
    const bool keep = (!readable || read(connection)) && (events & EPOLLERR) == 0;
    if (!write(connection) || !keep) connections.erase(found);
  }
};

PolicyServer::PolicyServer(std::unique_ptr<State> state) : state_(std::move(state)) {}
PolicyServer::PolicyServer(PolicyServer&&) noexcept = default;
PolicyServer::~PolicyServer() = default;

Result<PolicyServer> PolicyServer::listen(std::vector<UniqueFd> sockets, std::set<uid_t> may_ask,
                                          PolicyDecider decide) {
  UniqueFd epoll(::epoll_create1(EPOLL_CLOEXEC));
  if (!epoll.valid()) return errno_failure("epoll_create1", errno);
  auto state = std::make_unique<State>(std::move(epoll), std::move(sockets), std::move(may_ask), std::move(decide));
  for (const UniqueFd& socket : state->listening) {
    // systemd hands over sockets that block.
    if (::fcntl(socket.get(), F_SETFL, O_NONBLOCK) != 0)
      return errno_failure("make a policy socket non-blocking", errno);
    NP_TRY(state->watch(socket.get(), EPOLLIN, EPOLL_CTL_ADD));
  }
  return PolicyServer(std::move(state));
}

int PolicyServer::epoll_fd() const {
  return state_->epoll.get();
}

void PolicyServer::run() {
  std::array<epoll_event, kEventsAtOnce> events{};
  for (int round = 0; round < kRoundsAtOnce; ++round) {
    const int ready = ::epoll_wait(state_->epoll.get(), events.data(), kEventsAtOnce, 0);
    if (ready <= 0) return;
    for (int i = 0; i < ready; ++i) {
      const int fd = events[static_cast<size_t>(i)].data.fd;
      bool listens = false;
      for (const UniqueFd& socket : state_->listening) listens = listens || socket.get() == fd;
      if (listens)
        state_->accept_all(fd);
      else
        state_->serve(fd, events[static_cast<size_t>(i)].events);
    }
  }
}

void PolicyServer::set_may_ask(std::set<uid_t> may_ask) {
  state_->may_ask = std::move(may_ask);
}

PolicyFigures PolicyServer::figures() const {
  PolicyFigures figures = state_->figures;
  figures.connections = state_->connections.size();
  return figures;
}

std::string PolicyServer::take_complaint() {
  return std::exchange(state_->complaint, {});
}

}  // namespace npanel
