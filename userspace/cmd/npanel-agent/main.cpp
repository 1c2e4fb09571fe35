// SPDX-License-Identifier: Apache-2.0
// npanel-agent: argv -> wire -> run.
#include <sys/resource.h>
#include <systemd/sd-daemon.h>

#include <chrono>
#include <csignal>

#include "agent/agent.h"
#include "api/routes.h"
#include "api/server.h"
#include "daemon/command_line.h"
#include "daemon/event_loop.h"
#include "daemon/log.h"

namespace {

using namespace npanel;

constexpr auto kLastAnswers = std::chrono::seconds(1);

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

// Who has been accepted gets an answer; who has not waits in the socket's backlog for the next agent.
Result<void> stop_politely(EventLoop& loop, Server& server) {
  log_info("stopping; limits stay in force");
  ::sd_notify(0, "STOPPING=1");
  server.stop_accepting();
  const auto deadline = std::chrono::steady_clock::now() + kLastAnswers;
  return loop.every(std::chrono::milliseconds(1), [&loop, &server, deadline] {
    if (!server.busy() || std::chrono::steady_clock::now() >= deadline) loop.stop();
  });
}

Result<void> run(const Config& config) {
  ::signal(SIGPIPE, SIG_IGN);  // a client that went away is no reason to end
  raise_limits();
  make_directory_of(config.socket, 0755);
  make_directory_of(config.database, 0700);
  EventLoop loop = NP_TRY(EventLoop::make());
  // First the socket: it also says whether another agent is at work.
  UniqueFd socket = NP_TRY(api_socket(config));
  const auto agent = NP_TRY(Agent::start(config, NPANEL_VERSION));
  Server server =
      NP_TRY(Server::listen(std::move(socket), [&](const Request& request) { return answer(*agent, request); }));
  NP_TRY(loop.on_readable_or_late(server.epoll_fd(), [&] { server.run(); }, [&] { return server.timeout_ms(); }));
  if (const int fd = agent->refusals_fd(); fd >= 0) NP_TRY(loop.on_readable(fd, [&] { agent->take_refusals(); }));
  NP_TRY(loop.every(std::chrono::seconds(1), [&] { agent->tick(); }));
  for (const int signal : {SIGTERM, SIGINT})
    NP_TRY(loop.on_signal(signal, [&] {
      if (!stop_politely(loop, server)) loop.stop();
    }));
  NP_TRY(loop.keep_watchdog());
  ::sd_notify(0, "READY=1");
  log_info("ready, version " NPANEL_VERSION);
  NP_TRY(loop.run());
  agent->tick();  // what was refused since the last second
  return {};
}

}  // namespace

int main(int argc, char** argv) {
  return run_daemon(argc, argv, "npanel-agent holds every hosting account to its limits inside the kernel.", run);
}
