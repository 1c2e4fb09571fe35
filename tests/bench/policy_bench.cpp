// SPDX-License-Identifier: Apache-2.0
// A client of a policy socket (argv: path, connections, questions in all, login, state, questions a second): prints the
// answers a second and the latency. With 0 a second each connection asks as soon as it is answered; else questions
// come at that rate, as those of independent senders do, and wait for a free connection: the wait is part of their
// latency. Speaks to us and to whoever else speaks the protocol.
#include <arpa/inet.h>
#include <poll.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <vector>

#include "base/unique_fd.h"

namespace {

using npanel::UniqueFd;
using Clock = std::chrono::steady_clock;

struct Asker {
  UniqueFd socket;
  Clock::time_point asked;
  std::string heard;
};

UniqueFd connect_to(const std::string& where) {
  if (where.find('/') == std::string::npos) {  // a port of 127.0.0.1
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(static_cast<uint16_t>(std::stoi(where)));
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    UniqueFd socket(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    if (::connect(socket.get(), reinterpret_cast<const sockaddr*>(&address), sizeof(address)) != 0) std::exit(1);
    return socket;
  }
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  where.copy(address.sun_path, sizeof(address.sun_path) - 1);
  UniqueFd socket(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  if (::connect(socket.get(), reinterpret_cast<const sockaddr*>(&address), sizeof(address)) != 0) std::exit(1);
  return socket;
}

void ask(Asker& asker, const std::string& login, const std::string& state, long number, Clock::time_point asked) {
  const std::string question =
      "request=smtpd_access_policy\nprotocol_state=" + state +
      "\nprotocol_name=ESMTP\nclient_address=192.0.2.9\n"
      "client_name=unknown\nclient_port=40000\nserver_address=192.0.2.1\nserver_port=587\nhelo_name=laptop\n"
      "sender=info@example.com\nrecipient=x@example.net\nrecipient_count=1\nqueue_id=Q" +
      std::to_string(number) + "\ninstance=i" + std::to_string(number) +
      "\nsize=4321\nsasl_method=plain\nsasl_username=" + login + "\n\n";
  asker.asked = asked;
  if (::write(asker.socket.get(), question.data(), question.size()) != static_cast<ssize_t>(question.size()))
    std::exit(1);
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 7) return 2;
  const std::string where = argv[1];
  const auto connections = static_cast<size_t>(std::atoi(argv[2]));
  const long total = std::atol(argv[3]);
  const std::string login = argv[4];
  const std::string state = argv[5];
  const double a_second = std::atof(argv[6]);
  std::vector<Asker> askers(connections);
  std::vector<Asker*> idle;
  const UniqueFd epoll(::epoll_create1(EPOLL_CLOEXEC));
  for (Asker& asker : askers) {
    asker.socket = connect_to(where);
    epoll_event event{.events = EPOLLIN, .data = {.ptr = &asker}};
    ::epoll_ctl(epoll.get(), EPOLL_CTL_ADD, asker.socket.get(), &event);
    idle.push_back(&asker);
  }
  std::vector<double> latencies;
  latencies.reserve(static_cast<size_t>(total));
  const long base = static_cast<long>(::getpid()) * 10'000'000;
  long sent = 0;
  const auto began = Clock::now();
  const auto due = [&] {  // the next question
    if (a_second == 0) return Clock::now();
    return began + std::chrono::nanoseconds(static_cast<int64_t>(1e9 * static_cast<double>(sent) / a_second));
  };
  while (static_cast<long>(latencies.size()) < total) {
    for (auto when = due(); sent < total && !idle.empty() && when <= Clock::now(); when = due()) {
      ask(*idle.back(), login, state, base + sent++, when);
      idle.pop_back();
    }
    epoll_event events[64];
    const bool waits = sent == total || idle.empty();
    const int ready = ::epoll_wait(epoll.get(), events, 64, waits ? 10'000 : 0);
    if (ready < 0 || (ready == 0 && waits)) return 1;
    for (int i = 0; i < ready; ++i) {
      Asker& asker = *static_cast<Asker*>(events[i].data.ptr);
      char bytes[4096];
      const ssize_t got = ::read(asker.socket.get(), bytes, sizeof(bytes));
      if (got <= 0) return 1;
      asker.heard.append(bytes, static_cast<size_t>(got));
      if (!asker.heard.ends_with("\n\n")) continue;
      asker.heard.clear();
      latencies.push_back(std::chrono::duration<double, std::micro>(Clock::now() - asker.asked).count());
      idle.push_back(&asker);
    }
  }
  const double seconds = std::chrono::duration<double>(Clock::now() - began).count();
  std::ranges::sort(latencies);
  std::printf("%.0f %.1f %.1f\n", static_cast<double>(latencies.size()) / seconds, latencies[latencies.size() / 2],
              latencies[latencies.size() * 99 / 100]);
  return 0;
}
