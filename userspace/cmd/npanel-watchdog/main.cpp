// SPDX-License-Identifier: Apache-2.0
// npanel-watchdog: argv -> wire -> run.
#include <systemd/sd-daemon.h>

#include <csignal>

#include "api/listen.h"
#include "api/server.h"
#include "daemon/command_line.h"
#include "daemon/event_loop.h"
#include "daemon/log.h"
#include "watchdog/watchdog.h"

namespace {

using namespace npanel;

Result<void> run(const LoadedConfig& loaded, const ConfigSources&) {
  const Config& config = loaded.config;
  ::signal(SIGPIPE, SIG_IGN);  // a client that went away is no reason to end
  make_directory_of(config.watchdog_socket, 0755);
  make_directory_of(config.database, 0700);
  EventLoop loop = NP_TRY(EventLoop::make());
  // First the socket: it also says whether another watchdog is at work.
  UniqueFd socket = NP_TRY(listen_unix(config.watchdog_socket, config.socket_group));
  const auto watchdog = NP_TRY(Watchdog::start(config, NPANEL_VERSION));
  Server server = NP_TRY(
      Server::listen({.socket = std::move(socket)}, [&](const Request& request) { return watchdog->answer(request); }));
  NP_TRY(loop.on_readable_or_late(server.epoll_fd(), [&] { server.run(); }, [&] { return server.timeout_ms(); }));
  for (const int signal : {SIGTERM, SIGINT}) NP_TRY(loop.on_signal(signal, [&] { loop.stop(); }));
  NP_TRY(loop.keep_watchdog());
  NP_TRY(watchdog->attach(loop));
  ::sd_notify(0, "READY=1");
  log_info("watching npanel-agent.service, version " NPANEL_VERSION);
  return loop.run();
}

}  // namespace

int main(int argc, char** argv) {
  return run_daemon(argc, argv, "npanel-watchdog brings npanel-agent back when it dies or hangs.", run);
}
