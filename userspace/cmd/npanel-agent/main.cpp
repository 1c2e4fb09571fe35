// SPDX-License-Identifier: Apache-2.0
// npanel-agent: argv -> wire -> run.
#include <malloc.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <systemd/sd-daemon.h>

#include <algorithm>
#include <chrono>
#include <csignal>
#include <cstdlib>
#include <iostream>
#include <iterator>
#include <memory>

#include "agent/agent.h"
#include "agent/tcp_listener.h"
#include "api/listen.h"
#include "api/request_guard.h"
#include "api/server.h"
#include "base/clock.h"
#include "daemon/command_line.h"
#include "daemon/event_loop.h"
#include "daemon/log.h"
#include "daemon/self_check.h"
#include "kernel/doctor.h"
#include "mail/policy_access.h"
#include "mail/policy_server.h"

namespace {

using namespace npanel;

constexpr auto kLastAnswers = std::chrono::seconds(1);
constexpr unsigned kConnectionsMost = 8192;  // over the Unix socket

// Before 5.11 BPF memory counts against RLIMIT_MEMLOCK; and every API client is a descriptor.
void raise_limits() {
  const rlimit memory{.rlim_cur = RLIM_INFINITY, .rlim_max = RLIM_INFINITY};
  ::setrlimit(RLIMIT_MEMLOCK, &memory);
  rlimit files{};
  if (::getrlimit(RLIMIT_NOFILE, &files) == 0) {
    files.rlim_cur = files.rlim_max;
    ::setrlimit(RLIMIT_NOFILE, &files);
  }
}

// What systemd hands over (LISTEN_FDS), by the name of the socket unit; what it does not, we make ourselves.
struct Sockets {
  UniqueFd api;
  std::vector<UniqueFd> policy;
  std::vector<UniqueFd> tcp;
};

constexpr const char* kPolicyName = "policy";
constexpr const char* kTcpName = "tcp";

Result<Sockets> open_sockets(const Config& config) {
  Sockets sockets;
  char** names = nullptr;
  const int count = ::sd_listen_fds_with_names(1, &names);
  for (int i = 0; i < count; ++i) {
    UniqueFd socket(SD_LISTEN_FDS_START + i);
    if (std::string_view(names[i]) == kPolicyName)
      sockets.policy.push_back(std::move(socket));
    else if (std::string_view(names[i]) == kTcpName)
      sockets.tcp.push_back(std::move(socket));
    else
      sockets.api = std::move(socket);
    std::free(names[i]);
  }
  std::free(names);
  if (!sockets.api.valid()) sockets.api = NP_TRY(listen_unix(config.socket, config.socket_group));
  if (sockets.policy.empty() && !config.policy_socket.empty()) {
    make_directory_of(config.policy_socket, 0755);
    sockets.policy.push_back(NP_TRY(listen_unix(config.policy_socket, "")));
  }
  return sockets;
}

RateRules rules_of(const Config& config) {
  return {.requests_per_second = config.requests_per_second, .burst = config.request_burst};
}

// The API's servers: one over the Unix socket, and one over TCP when it is configured.
class Servers {
 public:
  Servers(EventLoop& loop, Answerer answer) : loop_(loop), answer_(std::move(answer)) {}

  Result<void> listen(Listening listening) {
    Server& added =
        *servers_.emplace_back(std::make_unique<Server>(NP_TRY(Server::listen(std::move(listening), answer_))));
    return loop_.on_readable_or_late(
        added.epoll_fd(), [&added] { added.run(); }, [&added] { return added.timeout_ms(); });
  }

  // Who has been accepted gets an answer; who has not waits in the socket's backlog for the next agent.
  Result<void> stop_politely() {
    log_info("stopping; limits stay in force");
    ::sd_notify(0, "STOPPING=1");
    for (const auto& server : servers_) server->stop_accepting();
    const auto deadline = std::chrono::steady_clock::now() + kLastAnswers;
    return loop_.every(std::chrono::milliseconds(1), [this, deadline] {
      const bool busy = std::ranges::any_of(servers_, [](const auto& server) { return server->busy(); });
      if (!busy || std::chrono::steady_clock::now() >= deadline) loop_.stop();
    });
  }

 private:
  EventLoop& loop_;
  Answerer answer_;
  std::vector<std::unique_ptr<Server>> servers_;
};

// The MTA's questions: who may come, and what is answered.
class Policy {
 public:
  static Result<std::unique_ptr<Policy>> open(EventLoop& loop, std::vector<UniqueFd> sockets, const Config& config,
                                              PolicyDecider decide) {
    PolicyAccess access(sockets, config.mta_users);
    access.look();
    PolicyServer server = NP_TRY(PolicyServer::listen(std::move(sockets), access.uids(), std::move(decide)));
    std::unique_ptr<Policy> policy(new Policy(std::move(access), std::move(server)));
    Policy& opened = *policy;
    NP_TRY(loop.on_readable_or_late(
        opened.server_.epoll_fd(), [&opened] { opened.run(); }, [&opened] { return opened.server_.timeout_ms(); }));
    return policy;
  }

  void look() {
    if (access_.look()) server_.set_may_ask(access_.uids());
  }
  void set_users(const std::vector<std::string>& users) {
    access_.set_users(users);
    look();
  }
  void tell(ListenerStatus& status) const {
    status.complaints = access_.complaints();
    const PolicyFigures figures = server_.figures();
    status.policy_strangers = figures.strangers;
    status.policy_over_share = figures.over_share;
    status.policy_connections = figures.connections;
  }

 private:
  Policy(PolicyAccess access, PolicyServer server) : access_(std::move(access)), server_(std::move(server)) {}
  void run() {
    server_.run();
    if (const std::string wrong = server_.take_complaint(); !wrong.empty())
      log_warning("a question of the MTA was not answered: " + wrong);
  }
  PolicyAccess access_;
  PolicyServer server_;
};

// Pets systemd's watchdog (WatchdogSec=) as long as the agent answers over its own sockets, and not only turns its
// loop.
class Vouching {
 public:
  // Nothing when the unit does not ask for it.
  static Result<std::unique_ptr<Vouching>> begin(EventLoop& loop, const Config& config) {
    constexpr uint64_t kChecks = 4;  // in the time that systemd waits
    uint64_t wait_us = 0;
    if (::sd_watchdog_enabled(0, &wait_us) <= 0) return nullptr;
    std::vector<SelfCheck::Way> ways = {
        {.socket = config.socket,
         .question = "GET /healthz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n",
         .answer = "HTTP/1.1 200 "}};
    if (!config.policy_socket.empty())
      ways.push_back({.socket = config.policy_socket, .question = std::string(kSelfCheck), .answer = "action="});
    std::unique_ptr<Vouching> vouching(new Vouching(NP_TRY(SelfCheck::make(std::move(ways)))));
    Vouching& begun = *vouching;
    NP_TRY(loop.on_readable(begun.check_.epoll_fd(), [&begun] { begun.check_.run(); }));
    NP_TRY(loop.every(std::chrono::microseconds(wait_us / kChecks), [&begun] { begun.vouch(); }));
    return vouching;
  }

  [[nodiscard]] std::vector<std::string> complaints() const {
    std::vector<std::string> complaints;
    for (const std::string& socket : check_.missing())
      complaints.push_back(
          socket +
          " leads nowhere: somebody has removed it; systemctl restart npanel-agent.service npanel-agent.socket "
          "npanel-policy.socket brings it back");
    return complaints;
  }

 private:
  explicit Vouching(SelfCheck check) : check_(std::move(check)) {}
  void vouch() {
    const std::vector<std::string> silent = check_.begin();
    if (silent.empty()) ::sd_notify(0, "WATCHDOG=1");
    if (!silent.empty() && silent != silent_)
      log_error("no answer over " + silent.front() +
                ", as its clients see it; systemd restarts the agent unless one comes");
    silent_ = silent;
  }
  SelfCheck check_;
  std::vector<std::string> silent_;
};

Result<void> serve(const LoadedConfig& loaded, const ConfigSources& sources) {
  const Config& config = loaded.config;
  ::signal(SIGPIPE, SIG_IGN);  // a client that went away is no reason to end
  raise_limits();
  make_directory_of(config.socket, 0755);
  make_directory_of(config.database, 0700);
  EventLoop loop = NP_TRY(EventLoop::make());
  // First the socket: it also says whether another agent is at work.
  Sockets sockets = NP_TRY(open_sockets(config));
  const auto agent = NP_TRY(Agent::start(loaded, sources, NPANEL_VERSION));
  RequestGuard guard(agent->routes(), agent->guard_sources(), rules_of(config));
  const auto policy =
      NP_TRY(Policy::open(loop, std::move(sockets.policy), config,
                          [&agent](const PolicyRequest& request) { return agent->mail().answer(request); }));
  agent->configuration().on_change([&guard, &policy](const Config& fresh) {
    guard.set_rules(rules_of(fresh));
    policy->set_users(fresh.mta_users);
  });
  Servers servers(loop, [&guard](const Request& request) { return guard.answer(request); });
  NP_TRY(servers.listen({.socket = std::move(sockets.api), .connections_most = kConnectionsMost}));
  TcpListener tcp(config, std::move(sockets.tcp),
                  [&servers](Listening listening) { return servers.listen(std::move(listening)); });
  tcp.look(steady_ms());
  const auto vouching = NP_TRY(Vouching::begin(loop, config));
  agent->status().ask_of_listeners([&policy, &tcp, &vouching, &config] {
    ListenerStatus status{.tcp_open = tcp.is_open()};
    policy->tell(status);
    std::ranges::move(tcp.complaints(), std::back_inserter(status.complaints));
    if (auto why = why_not_for_group(config.socket, config.socket_group)) status.complaints.push_back(std::move(*why));
    if (vouching) std::ranges::move(vouching->complaints(), std::back_inserter(status.complaints));
    return status;
  });
  agent->mail().on_smtp([&](int refusals) {
    if (const auto heard = loop.on_readable(refusals, [&] { agent->mail().take_refusals(); }); !heard)
      log_error("refusals are read once a second only: " + heard.error().text);
  });
  NP_TRY(loop.on_readable(agent->helper_fd(), [&] { agent->hear_helper(); }));
  NP_TRY(loop.on_readable(agent->work_fd(), [&] { agent->work(); }));
  NP_TRY(loop.every(std::chrono::seconds(1), [&] {
    policy->look();
    tcp.look(steady_ms());
    agent->tick();
    if (agent->is_stuck()) loop.stop();
  }));
  for (const int signal : {SIGTERM, SIGINT})
    NP_TRY(loop.on_signal(signal, [&] {
      if (!servers.stop_politely()) loop.stop();
    }));
  NP_TRY(loop.on_signal(SIGHUP, [&] { agent->configuration().reload_by_signal(); }));
  ::sd_notify(0, "READY=1");
  log_info("ready, version " NPANEL_VERSION);
  NP_TRY(loop.run());
  agent->stop();
  if (agent->is_stuck()) return failure("a new process can load the BPF programs, this one cannot: it makes room");
  return {};
}

// What this process could load, whatever another one says.
int check_kernel() {
  bool well = true;
  for (const Capability& part : examine_programs()) {
    std::cout << part.name << ": " << part.detail << "\n";
    well = well && part.state == Capability::State::ok;
  }
  return well ? 0 : 1;
}

}  // namespace

int main(int argc, char** argv) {
  // An answer about thousands of accounts is one text of megabytes, which lives until the client has it. glibc would
  // raise the threshold with the first one, and keep the next in the heap (mallopt(3)); so each goes back when it ends.
  constexpr int kLarge = 128 * 1024;
  ::mallopt(M_MMAP_THRESHOLD, kLarge);
  return run_daemon(argc, argv, "npanel-agent holds every hosting account to its limits inside the kernel.", serve,
                    DaemonCheck{.flag = "--check-kernel",
                                .purpose = "Load the BPF programs, say whether they could be used, and end",
                                .run = check_kernel});
}
