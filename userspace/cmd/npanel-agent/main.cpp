// SPDX-License-Identifier: Apache-2.0
// npanel-agent: argv -> wire -> run.
#include <sys/resource.h>
#include <systemd/sd-daemon.h>

#include <algorithm>
#include <chrono>
#include <csignal>

#include "agent/agent.h"
#include "api/door.h"
#include "api/listen.h"
#include "api/server.h"
#include "base/file.h"
#include "daemon/command_line.h"
#include "daemon/event_loop.h"
#include "daemon/log.h"

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

// systemd hands a listening socket over (LISTEN_FDS), or we make our own.
Result<UniqueFd> api_socket(const Config& config) {
  if (::sd_listen_fds(1) > 0) return UniqueFd(SD_LISTEN_FDS_START);
  return listen_unix(config.socket, config.socket_group);
}

Result<std::optional<Tls>> tls_of(const Config& config) {
  if (config.tls_certificate.empty()) return std::nullopt;
  return Tls{.certificate = NP_TRY(read_file_at(AT_FDCWD, config.tls_certificate)),
             .key = NP_TRY(read_file_at(AT_FDCWD, config.tls_key))};
}

DoorRules rules_of(const Config& config) {
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

Result<void> open_doors(Servers& servers, UniqueFd socket, const Config& config) {
  NP_TRY(servers.listen({.socket = std::move(socket), .connections_most = kConnectionsMost}));
  if (config.listen.empty()) return {};
  return servers.listen({.socket = NP_TRY(listen_tcp(config.listen)), .tls = NP_TRY(tls_of(config))});
}

Result<void> serve(const LoadedConfig& loaded, const ConfigSources& sources) {
  const Config& config = loaded.config;
  ::signal(SIGPIPE, SIG_IGN);  // a client that went away is no reason to end
  raise_limits();
  make_directory_of(config.socket, 0755);
  make_directory_of(config.database, 0700);
  EventLoop loop = NP_TRY(EventLoop::make());
  // First the socket: it also says whether another agent is at work.
  UniqueFd socket = NP_TRY(api_socket(config));
  const auto agent = NP_TRY(Agent::start(loaded, sources, NPANEL_VERSION));
  Door door(*agent, rules_of(config));
  agent->on_config([&door](const Config& fresh) { door.set_rules(rules_of(fresh)); });
  Servers servers(loop, [&door](const Request& request) { return door.answer(request); });
  NP_TRY(open_doors(servers, std::move(socket), config));
  if (const int fd = agent->refusals_fd(); fd >= 0) NP_TRY(loop.on_readable(fd, [&] { agent->take_refusals(); }));
  NP_TRY(loop.on_readable(agent->work_fd(), [&] { agent->work(); }));
  NP_TRY(loop.every(std::chrono::seconds(1), [&] { agent->tick(); }));
  for (const int signal : {SIGTERM, SIGINT})
    NP_TRY(loop.on_signal(signal, [&] {
      if (!servers.stop_politely()) loop.stop();
    }));
  NP_TRY(loop.on_signal(SIGHUP, [&] { agent->reload_by_signal(); }));
  NP_TRY(loop.keep_watchdog());
  ::sd_notify(0, "READY=1");
  log_info("ready, version " NPANEL_VERSION);
  NP_TRY(loop.run());
  agent->tick();  // what was refused since the last second
  return {};
}

}  // namespace

int main(int argc, char** argv) {
  return run_daemon(argc, argv, "npanel-agent holds every hosting account to its limits inside the kernel.", serve);
}
