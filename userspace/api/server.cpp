// SPDX-License-Identifier: Apache-2.0
#include "api/server.h"

#include <fcntl.h>
#include <grp.h>
#include <microhttpd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include <cstring>

#include "api/problem.h"

namespace npanel {

struct Server::Shared {
  Answerer answer;
  size_t busy = 0;
};

namespace {

constexpr size_t kBodyMost = 65536;
constexpr unsigned kConnectionsMost = 1024;
constexpr unsigned kIdleSeconds = 15;

struct Exchange {
  Request request;
  bool too_large = false;
};

// Busy from the moment it is accepted, and again with each request.
struct Connection {
  bool busy = false;
};

void set_busy(size_t& count, Connection& connection, bool busy) {
  if (connection.busy == busy) return;
  connection.busy = busy;
  busy ? ++count : --count;
}

Connection* state_of(MHD_Connection* connection) {
  const auto* info = MHD_get_connection_info(connection, MHD_CONNECTION_INFO_SOCKET_CONTEXT);
  return info ? static_cast<Connection*>(info->socket_context) : nullptr;
}

MHD_Result send(MHD_Connection* connection, const Response& response) {
  MHD_Response* message = MHD_create_response_from_buffer(response.body.size(), const_cast<char*>(response.body.data()),
                                                          MHD_RESPMEM_MUST_COPY);
  if (!message) return MHD_NO;
  if (!response.body.empty()) MHD_add_response_header(message, "Content-Type", response.content_type.c_str());
  if (!response.allow.empty()) MHD_add_response_header(message, "Allow", response.allow.c_str());
  const MHD_Result queued = MHD_queue_response(connection, static_cast<unsigned>(response.status), message);
  MHD_destroy_response(message);
  return queued;
}

MHD_Result keep_query(void* query, MHD_ValueKind, const char* key, const char* value) {
  (*static_cast<std::map<std::string, std::string>*>(query))[key] = value ? value : "";
  return MHD_YES;
}

// Called once for the headers, once for each piece of the body, once at the end.
MHD_Result on_request(void* shared_pointer, MHD_Connection* connection, const char* url, const char* method,
                      const char*, const char* piece, size_t* piece_bytes, void** state) {
  auto& shared = *static_cast<Server::Shared*>(shared_pointer);
  if (!*state) {
    auto exchange = std::make_unique<Exchange>();
    exchange->request.method = method;
    exchange->request.path = url;
    MHD_get_connection_values(connection, MHD_GET_ARGUMENT_KIND, keep_query, &exchange->request.query);
    *state = exchange.release();
    if (Connection* whose = state_of(connection)) set_busy(shared.busy, *whose, true);
    return MHD_YES;
  }
  auto& exchange = *static_cast<Exchange*>(*state);
  if (*piece_bytes > 0) {
    exchange.too_large = exchange.too_large || exchange.request.body.size() + *piece_bytes > kBodyMost;
    if (!exchange.too_large) exchange.request.body.append(piece, *piece_bytes);
    *piece_bytes = 0;
    return MHD_YES;
  }
  if (exchange.too_large) return send(connection, problem(413, "the body is larger than 65536 bytes", "body"));
  return send(connection, shared.answer(exchange.request));
}

void on_completed(void* shared, MHD_Connection* connection, void** state, MHD_RequestTerminationCode) {
  delete static_cast<Exchange*>(*state);
  *state = nullptr;
  if (Connection* whose = state_of(connection)) set_busy(static_cast<Server::Shared*>(shared)->busy, *whose, false);
}

void on_connection(void* shared, MHD_Connection*, void** state, MHD_ConnectionNotificationCode code) {
  size_t& busy = static_cast<Server::Shared*>(shared)->busy;
  if (code == MHD_CONNECTION_NOTIFY_STARTED) {
    auto whose = std::make_unique<Connection>();
    set_busy(busy, *whose, true);
    *state = whose.release();
    return;
  }
  const std::unique_ptr<Connection> whose(static_cast<Connection*>(*state));
  if (whose) set_busy(busy, *whose, false);
  *state = nullptr;
}

// The path stays as it was sent: "bob%00x" and "..%2f" must never turn into another name.
size_t keep_escapes(void*, MHD_Connection*, char* text) {
  return std::strlen(text);
}

Result<UniqueFd> stream_socket() {
  UniqueFd socket(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!socket.valid()) return errno_failure("socket", errno);
  return socket;
}

}  // namespace

Server::Server(std::unique_ptr<Shared> shared, MHD_Daemon* daemon) : shared_(std::move(shared)), daemon_(daemon) {}
Server::Server(Server&&) noexcept = default;
Server::~Server() = default;

Result<Server> Server::listen(UniqueFd socket, Answerer answer) {
  auto shared = std::make_unique<Shared>(std::move(answer));
  // MHD closes the socket when it stops.
  MHD_Daemon* daemon =
      MHD_start_daemon(MHD_USE_EPOLL | MHD_NO_FLAG, 0, nullptr, nullptr, on_request, shared.get(),
                       MHD_OPTION_LISTEN_SOCKET, ::fcntl(socket.get(), F_DUPFD_CLOEXEC, 3), MHD_OPTION_CONNECTION_LIMIT,
                       kConnectionsMost, MHD_OPTION_CONNECTION_TIMEOUT, kIdleSeconds, MHD_OPTION_UNESCAPE_CALLBACK,
                       keep_escapes, nullptr, MHD_OPTION_NOTIFY_COMPLETED, on_completed, shared.get(),
                       MHD_OPTION_NOTIFY_CONNECTION, on_connection, shared.get(), MHD_OPTION_END);
  if (!daemon) return errno_failure("start the HTTP server", errno);
  return Server(std::move(shared), daemon);
}

void Server::Stop::operator()(MHD_Daemon* daemon) const {
  MHD_stop_daemon(daemon);
}

int Server::epoll_fd() const {
  return MHD_get_daemon_info(daemon_.get(), MHD_DAEMON_INFO_EPOLL_FD)->epoll_fd;
}

void Server::run() {
  MHD_run(daemon_.get());
}

std::optional<uint64_t> Server::timeout_ms() const {
  MHD_UNSIGNED_LONG_LONG ms = 0;
  if (MHD_get_timeout(daemon_.get(), &ms) != MHD_YES) return std::nullopt;
  return ms;
}

void Server::stop_accepting() {
  const int listening = MHD_quiesce_daemon(daemon_.get());
  if (listening >= 0) ::close(listening);
}

bool Server::busy() const {
  return shared_->busy > 0;
}

Result<UniqueFd> listen_unix(const std::string& path, const std::string& group) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.empty() || path.size() >= sizeof(address.sun_path))
    return failure("socket path must be 1 to 107 bytes long: " + path, EINVAL);
  std::memcpy(address.sun_path, path.c_str(), path.size() + 1);
  const auto* name = reinterpret_cast<const sockaddr*>(&address);
  // Somebody who answers is another agent: two would undo each other's work.
  const UniqueFd probe = NP_TRY(stream_socket());
  if (::connect(probe.get(), name, sizeof(address)) == 0)
    return failure("another agent listens on " + path, EADDRINUSE);
  ::unlink(path.c_str());
  UniqueFd socket = NP_TRY(stream_socket());
  const mode_t before = ::umask(0177);
  const bool bound = ::bind(socket.get(), name, sizeof(address)) == 0;
  const int bind_error = errno;
  ::umask(before);
  if (!bound) return errno_failure("bind " + path, bind_error);
  const struct group* members = group.empty() ? nullptr : ::getgrnam(group.c_str());
  if (members && (::chown(path.c_str(), 0, members->gr_gid) != 0 || ::chmod(path.c_str(), 0660) != 0))
    return errno_failure("give " + path + " to group " + group, errno);
  if (::listen(socket.get(), SOMAXCONN) != 0) return errno_failure("listen on " + path, errno);
  return socket;
}

}  // namespace npanel
