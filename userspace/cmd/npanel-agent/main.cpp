// SPDX-License-Identifier: Apache-2.0
// npanel-agent: argv -> wire -> run.
#include <malloc.h>
#include <pwd.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <systemd/sd-daemon.h>

#include <algorithm>
#include <chrono>
#include <csignal>
#include <cstdlib>
#include <set>

#include "agent/agent.h"
#include "api/door.h"
#include "api/listen.h"
#include "api/server.h"
#include "base/file.h"
#include "daemon/command_line.h"
#include "daemon/event_loop.h"
#include "daemon/log.h"
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
};

constexpr const char* kPolicyName = "policy";

Result<Sockets> open_sockets(const Config& config) {
  Sockets sockets;
  char** names = nullptr;
  const int count = ::sd_listen_fds_with_names(1, &names);
  for (int i = 0; i < count; ++i) {
    UniqueFd socket(SD_LISTEN_FDS_START + i);
    if (std::string_view(names[i]) == kPolicyName)
      sockets.policy.push_back(std::move(socket));
    else
      sockets.api = std::move(socket);
    std::free(names[i]);
  }
  std::free(names);
  if (!sockets.api.valid()) sockets.api = NP_TRY(listen_unix(config.socket, config.socket_group));
  if (sockets.policy.empty() && !config.policy_socket.empty()) {
    make_directory_of(config.policy_socket, 0755);
    sockets.policy.push_back(NP_TRY(listen_unix(config.policy_socket, "")));
    ::chmod(config.policy_socket.c_str(), 0666);  // who may ask is decided by who has connected
  }
  return sockets;
}

std::set<uid_t> uids_of(const std::vector<std::string>& users) {
  std::set<uid_t> uids;
  for (const std::string& name : users)
    if (const passwd* user = ::getpwnam(name.c_str())) uids.insert(user->pw_uid);
  return uids;
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
  Sockets sockets = NP_TRY(open_sockets(config));
  const auto agent = NP_TRY(Agent::start(loaded, sources, NPANEL_VERSION));
  Door door(*agent, rules_of(config));
  PolicyServer policy =
      NP_TRY(PolicyServer::listen(std::move(sockets.policy), uids_of(config.mta_users),
                                  [&agent](const PolicyRequest& request) { return agent->answer_mail(request); }));
  NP_TRY(loop.on_readable(policy.epoll_fd(), [&policy] {
    policy.run();
    if (const std::string wrong = policy.take_complaint(); !wrong.empty())
      log_warning("a question of the MTA was not answered: " + wrong);
  }));
  agent->on_config([&door, &policy](const Config& fresh) {
    door.set_rules(rules_of(fresh));
    policy.set_may_ask(uids_of(fresh.mta_users));
  });
  Servers servers(loop, [&door](const Request& request) { return door.answer(request); });
  NP_TRY(open_doors(servers, std::move(sockets.api), config));
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
  agent->stop();
  return {};
}

}  // namespace

int main(int argc, char** argv) {
  // An answer about thousands of accounts is one text of megabytes, which lives until the client has it. glibc would
  // raise the threshold with the first one, and keep the next in the heap (mallopt(3)); so each goes back when it ends.
  constexpr int kLarge = 128 * 1024;
  ::mallopt(M_MMAP_THRESHOLD, kLarge);
  return run_daemon(argc, argv, "npanel-agent holds every hosting account to its limits inside the kernel.", serve);
}
