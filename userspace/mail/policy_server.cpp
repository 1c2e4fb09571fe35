// SPDX-License-Identifier: Apache-2.0
#include "mail/policy_server.h"

#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <unordered_map>
#include <utility>

#include "base/acceptor.h"
#include "base/clock.h"

namespace npanel {
namespace {

constexpr AcceptRules kRules{.connections_most = 2048, .connections_of_uid_most = 1024, .kept_for_root = 16};
// What one turn takes; then the API and the timers have theirs. A turn costs as much as some questions, so it is not
// counted in them.
constexpr int64_t kTurnUs = 2000;
constexpr int kEventsAtOnce = 64;
constexpr size_t kQuestionsOfOne = 32;  // at once, and then the next connection's

}  // namespace

struct PolicyServer::Connection {
  Accepted client;
  std::string in = {};
  std::string out = {};
  bool ended = false;       // the client will ask no more
  bool asked_more = false;  // than had its turn: what is left is in `in`
  bool waits_to_write = false;
};

struct PolicyServer::State {
  UniqueFd epoll;
  Acceptor acceptor;
  PolicyDecider decide;
  std::unordered_map<int, Connection> connections = {};
  PolicyFigures figures = {};
  std::string complaint = {};

  Result<void> watch(int fd, uint32_t events, int operation) const {
    epoll_event event{.events = events, .data = {.fd = fd}};
    if (::epoll_ctl(epoll.get(), operation, fd, &event) != 0) return errno_failure("watch a policy socket", errno);
    return {};
  }

  void accept_some() {
    for (Accepted& client : acceptor.accept()) {
      const int fd = client.socket.get();
      if (watch(fd, EPOLLIN, EPOLL_CTL_ADD))
        connections.emplace(fd, Connection{.client = std::move(client)});
      else
        acceptor.ended(client.uid);
    }
  }

  // False when the connection is to be closed.
  bool read(Connection& connection) {
    std::array<char, kPolicyRequestMost> buffer;
    const ssize_t got = ::read(connection.client.socket.get(), buffer.data(), buffer.size());
    if (got < 0) return errno == EAGAIN || errno == EINTR;
    if (got == 0) connection.ended = true;
    connection.in.append(buffer.data(), static_cast<size_t>(got));
    return answer_some(connection);
  }

  bool answer_some(Connection& connection) {
    size_t at = 0;
    size_t end = 0;
    const std::string_view in = connection.in;
    for (size_t i = 0; i < kQuestionsOfOne && (end = in.find("\n\n", at)) != std::string_view::npos;
         ++i, at = end + 2) {
      if (end - at > kPolicyRequestMost) return malformed("request must be at most 16384 bytes");
      const auto request = parse_policy_request(in.substr(at, end - at));
      if (!request) return malformed(request.error().text);
      ++figures.requests;
      connection.out += "action=" + decide(*request) + "\n\n";
    }
    connection.asked_more = in.find("\n\n", at) != std::string_view::npos;
    connection.in.erase(0, at);
    if (connection.asked_more) return true;
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
    const int fd = connection.client.socket.get();
    while (!connection.out.empty()) {
      const ssize_t sent = ::send(fd, connection.out.data(), connection.out.size(), MSG_NOSIGNAL);
      if (sent < 0 && errno == EINTR) continue;
      if (sent < 0 && errno != EAGAIN) return false;
      if (sent < 0) break;
      connection.out.erase(0, static_cast<size_t>(sent));
    }
    const bool waits = !connection.out.empty() || connection.asked_more;
    if (!waits && connection.ended) return false;
    if (waits == connection.waits_to_write) return true;
    connection.waits_to_write = waits;
    // Who does not take the answers, or asks many questions at once, is not read from either, so that they stay few.
    return watch(fd, waits ? EPOLLOUT : EPOLLIN, EPOLL_CTL_MOD).has_value();
  }

  bool go_on(Connection& connection, uint32_t events) {
    if ((events & EPOLLERR) != 0) return false;
    if (!connection.out.empty()) return true;  // first of all they take their answers
    if (connection.asked_more) return answer_some(connection);
    return (events & (EPOLLIN | EPOLLHUP)) == 0 || read(connection);
  }

  void serve(int fd, uint32_t events) {
    const auto found = connections.find(fd);
    if (found == connections.end()) return;
    const bool keep = go_on(found->second, events);
    if (write(found->second) && keep) return;
    const auto uid = found->second.client.uid;
    connections.erase(found);
    acceptor.ended(uid);
  }
};

PolicyServer::PolicyServer(std::unique_ptr<State> state) : state_(std::move(state)) {}
PolicyServer::PolicyServer(PolicyServer&&) noexcept = default;
PolicyServer::~PolicyServer() = default;

Result<PolicyServer> PolicyServer::listen(std::vector<UniqueFd> sockets, std::set<uid_t> may_ask,
                                          PolicyDecider decide) {
  AcceptRules rules = kRules;
  rules.may_come = std::move(may_ask);
  UniqueFd epoll(::epoll_create1(EPOLL_CLOEXEC));
  if (!epoll.valid()) return errno_failure("epoll_create1", errno);
  Acceptor acceptor = NP_TRY(Acceptor::listen(std::move(sockets), std::move(rules)));
  auto state = std::make_unique<State>(std::move(epoll), std::move(acceptor), std::move(decide));
  NP_TRY(state->watch(state->acceptor.epoll_fd(), EPOLLIN, EPOLL_CTL_ADD));
  return PolicyServer(std::move(state));
}

int PolicyServer::epoll_fd() const {
  return state_->epoll.get();
}

std::optional<uint64_t> PolicyServer::timeout_ms() const {
  return state_->acceptor.timeout_ms();
}

void PolicyServer::run() {
  bool accepted = timeout_ms() == 0;
  if (accepted) state_->accept_some();
  std::array<epoll_event, kEventsAtOnce> events{};
  const int64_t until_us = steady_us() + kTurnUs;
  for (bool served = true; served;) {
    served = false;
    const int ready = ::epoll_wait(state_->epoll.get(), events.data(), kEventsAtOnce, 0);
    for (int i = 0; i < ready; ++i) {
      if (steady_us() >= until_us) return;  // who is left comes first the next time
      const epoll_event& event = events[static_cast<size_t>(i)];
      const bool comes = event.data.fd == state_->acceptor.epoll_fd();
      if (comes && accepted) continue;  // a few a turn
      if (comes)
        state_->accept_some();
      else
        state_->serve(event.data.fd, event.events);
      accepted = accepted || comes;
      served = true;
    }
  }
}

void PolicyServer::set_may_ask(std::set<uid_t> may_ask) {
  state_->acceptor.set_may_come(std::move(may_ask));
}

PolicyFigures PolicyServer::figures() const {
  PolicyFigures figures = state_->figures;
  const AcceptFigures accepted = state_->acceptor.figures();
  figures.strangers = accepted.strangers;
  figures.over_share = accepted.over_share;
  figures.connections = accepted.connections;
  return figures;
}

std::string PolicyServer::take_complaint() {
  return std::exchange(state_->complaint, {});
}

}  // namespace npanel
