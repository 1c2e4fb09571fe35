// SPDX-License-Identifier: Apache-2.0
// npanel-agent: argv -> wire -> run.
#include <sys/resource.h>
#include <systemd/sd-daemon.h>

#include <CLI/CLI.hpp>
#include <csignal>
#include <filesystem>
#include <iostream>

#include "agent/agent.h"
#include "agent/config.h"
#include "agent/event_loop.h"
#include "agent/log.h"
#include "api/server.h"

namespace {

using namespace npanel;

constexpr const char* kDefaultConfig = "/etc/npanel/agent.toml";

// What a package makes, for an agent that is started by hand. Errors show when the file in it is opened.
void make_directory_of(const std::string& path, std::filesystem::perms mode) {
  const std::filesystem::path directory = std::filesystem::path(path).parent_path();
  std::error_code ignored;
  if (std::filesystem::create_directories(directory, ignored)) std::filesystem::permissions(directory, mode, ignored);
}

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

Result<void> run(const Config& config) {
  using std::filesystem::perms;
  ::signal(SIGPIPE, SIG_IGN);  // a client that went away is no reason to end
  raise_limits();
  make_directory_of(config.socket,
                    perms::owner_all | perms::group_read | perms::group_exec | perms::others_read | perms::others_exec);
  make_directory_of(config.database, perms::owner_all);
  EventLoop loop = NP_TRY(EventLoop::make());
  // First the socket: it also says whether another agent is at work.
  UniqueFd socket = NP_TRY(api_socket(config));
  const auto agent = NP_TRY(Agent::start(config, NPANEL_VERSION));
  Server server = NP_TRY(Server::listen(std::move(socket), *agent));
  NP_TRY(loop.on_readable_or_late(server.epoll_fd(), [&] { server.run(); }, [&] { return server.timeout_ms(); }));
  if (const int fd = agent->refusals_fd(); fd >= 0) NP_TRY(loop.on_readable(fd, [&] { agent->take_refusals(); }));
  NP_TRY(loop.every(std::chrono::seconds(1), [&] { agent->tick(); }));
  for (const int signal : {SIGTERM, SIGINT}) NP_TRY(loop.on_signal(signal, [&] { loop.stop(); }));
  NP_TRY(loop.keep_watchdog());
  ::sd_notify(0, "READY=1");
  log_info("ready, version " NPANEL_VERSION);
  NP_TRY(loop.run());
  agent->tick();  // what was refused since the last second
  log_info("stopping; limits stay in force");
  return {};
}

}  // namespace

int main(int argc, char** argv) {
  CLI::App app{"npanel-agent holds every hosting account to its limits inside the kernel."};
  std::string path;
  bool check_only = false;
  app.add_option("--config", path,
                 std::string("TOML file; without it ") + kDefaultConfig + " if there is one, else built-in values");
  app.add_flag("--check-config", check_only, "Read the configuration, say what is wrong with it, and end");
  app.set_version_flag("--version", NPANEL_VERSION);
  CLI11_PARSE(app, argc, argv);

  if (path.empty() && ::access(kDefaultConfig, F_OK) == 0) path = kDefaultConfig;
  const auto config = path.empty() ? Result<Config>(Config{}) : read_config(path);
  if (!config) {
    log_error(config.error().text);
    return 2;
  }
  if (check_only) {
    std::cout << (path.empty() ? "built-in values" : path) << ": ok\n";
    return 0;
  }
  if (const auto ran = run(*config); !ran) {
    log_error(ran.error().text);
    return 1;
  }
  return 0;
}
