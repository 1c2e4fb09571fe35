// SPDX-License-Identifier: Apache-2.0
#include "api/server.h"

#include <fcntl.h>
#include <gnutls/gnutls.h>
#include <microhttpd.h>
#include <sys/socket.h>

#include <algorithm>
#include <cstring>
#include <list>
#include <ranges>
#include <vector>

#include "base/clock.h"
#include "base/digest.h"

namespace npanel {
namespace {

// Of one connection: its headers, a piece of the body, the answer's headers. The longest path that gets an answer of
// ours is half of it.
constexpr size_t kPoolBytes = 16384;
constexpr int64_t kSilentUs = 500'000;  // half the time that stopping takes at most
constexpr size_t kIdMost = 64;
constexpr size_t kIdBytes = 16;
constexpr const char* kPriorities = "NORMAL:-VERS-ALL:+VERS-TLS1.3:+VERS-TLS1.2";

struct Connection {
  enum class Phase { fresh, asking, kept };
  int fd = -1;
  std::optional<uid_t> uid = {};
  Phase phase = Phase::fresh;
  int64_t since_us = 0;
  std::list<Connection>::iterator place = {};
};

}  // namespace

// Every step of an exchange may take equally long, so the line is sorted by who runs out of time first.
struct Server::Shared {
  Answerer answer;
  int64_t patience_us = 0;
  bool over_unix = false;
  std::list<Connection> line = {};
  size_t asking = 0;

  void enter(Connection& connection, Connection::Phase phase) {
    if (connection.phase == Connection::Phase::asking) --asking;
    if (phase == Connection::Phase::asking) ++asking;
    connection.phase = phase;
    connection.since_us = steady_us();
    line.splice(line.end(), line, connection.place);
  }
};

namespace {

using Phase = Connection::Phase;

Connection& state_of(MHD_Connection* connection) {
  return *static_cast<Connection*>(
      MHD_get_connection_info(connection, MHD_CONNECTION_INFO_SOCKET_CONTEXT)->socket_context);
}

MHD_Result send(MHD_Connection* connection, const Request& request, const Response& response) {
  MHD_Response* message = MHD_create_response_from_buffer(response.body.size(), const_cast<char*>(response.body.data()),
                                                          MHD_RESPMEM_MUST_COPY);
  if (!message) return MHD_NO;
  if (!response.body.empty()) MHD_add_response_header(message, "Content-Type", response.content_type.c_str());
  for (const auto& [name, value] : response.headers) MHD_add_response_header(message, name.c_str(), value.c_str());
  MHD_add_response_header(message, "X-Request-Id", request.id.c_str());
  const MHD_Result queued = MHD_queue_response(connection, static_cast<unsigned>(response.status), message);
  MHD_destroy_response(message);
  return queued;
}

MHD_Result keep_query(void* query, MHD_ValueKind, const char* key, const char* value) {
  (*static_cast<std::map<std::string, std::string>*>(query))[key] = value ? value : "";
  return MHD_YES;
}

MHD_Result keep_header(void* headers, MHD_ValueKind, const char* key, const char* value) {
  std::string name = key;
  std::ranges::transform(name, name.begin(),
                         [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; });
  std::string& kept = (*static_cast<std::map<std::string, std::string>*>(headers))[name];
  if (!kept.empty()) kept += ", ";
  kept += value ? value : "";
  return MHD_YES;
}

bool is_request_id(std::string_view text) {
  constexpr std::string_view kAllowed = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-";
  return !text.empty() && text.size() <= kIdMost && text.find_first_not_of(kAllowed) == std::string_view::npos;
}

std::unique_ptr<Request> begin_request(MHD_Connection* connection, const char* url, const char* method,
                                       const Connection& whose) {
  auto request = std::make_unique<Request>();
  request->method = method;
  request->path = url;
  MHD_get_connection_values(connection, MHD_GET_ARGUMENT_KIND, keep_query, &request->query);
  MHD_get_connection_values(connection, MHD_HEADER_KIND, keep_header, &request->headers);
  request->uid = whose.uid;
  request->began_us = whose.since_us;
  const auto id = request->headers.find("x-request-id");
  const bool theirs = id != request->headers.end() && is_request_id(id->second);
  request->id = theirs ? id->second : random_text().substr(0, kIdBytes);
  return request;
}

// Called once for the headers, once for each piece of the body, once at the end.
MHD_Result on_request(void* shared_pointer, MHD_Connection* connection, const char* url, const char* method,
                      const char*, const char* piece, size_t* piece_bytes, void** state) {
  auto& shared = *static_cast<Server::Shared*>(shared_pointer);
  Connection& whose = state_of(connection);
  if (!*state) {
    shared.enter(whose, Phase::asking);
    *state = begin_request(connection, url, method, whose).release();
    return MHD_YES;
  }
  auto& request = *static_cast<Request*>(*state);
  if (*piece_bytes > 0) {
    request.too_large = request.too_large || request.body.size() + *piece_bytes > kBodyMost;
    if (request.too_large)
      request.body = {};
    else
      request.body.append(piece, *piece_bytes);
    *piece_bytes = 0;
    return MHD_YES;
  }
  const MHD_Result sent = send(connection, request, shared.answer(request));
  shared.enter(whose, Phase::asking);
  return sent;
}

void on_completed(void* shared, MHD_Connection* connection, void** state, MHD_RequestTerminationCode) {
  delete static_cast<Request*>(*state);
  *state = nullptr;
  static_cast<Server::Shared*>(shared)->enter(state_of(connection), Phase::kept);
}

std::optional<uid_t> peer_uid(int fd) {
  ucred peer{};
  socklen_t bytes = sizeof(peer);
  if (::getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &bytes) != 0) return std::nullopt;
  return peer.uid;
}

void on_connection(void* shared_pointer, MHD_Connection* connection, void** state,
                   MHD_ConnectionNotificationCode code) {
  auto& shared = *static_cast<Server::Shared*>(shared_pointer);
  if (code == MHD_CONNECTION_NOTIFY_STARTED) {
    const int fd = MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CONNECTION_FD)->connect_fd;
    Connection& whose = shared.line.emplace_back(Connection{.fd = fd});
    whose.place = std::prev(shared.line.end());
    if (shared.over_unix) whose.uid = peer_uid(fd);
    shared.enter(whose, Phase::fresh);
    *state = &whose;
    return;
  }
  auto& whose = *static_cast<Connection*>(*state);
  shared.enter(whose, Phase::kept);
  shared.line.erase(whose.place);
}

// The path stays as it was sent: "bob%00x" and "..%2f" must never turn into another name.
size_t keep_escapes(void*, MHD_Connection*, char* text) {
  return std::strlen(text);
}

bool is_unix(const UniqueFd& socket) {
  int domain = 0;
  socklen_t bytes = sizeof(domain);
  return ::getsockopt(socket.get(), SOL_SOCKET, SO_DOMAIN, &domain, &bytes) == 0 && domain == AF_UNIX;
}

// The library that serves would refuse without a reason.
Result<void> check(const Tls& tls) {
  const auto datum = [](const std::string& text) {
    return gnutls_datum_t{.data = reinterpret_cast<unsigned char*>(const_cast<char*>(text.data())),
                          .size = static_cast<unsigned>(text.size())};
  };
  gnutls_certificate_credentials_t credentials = nullptr;
  if (gnutls_certificate_allocate_credentials(&credentials) != 0) return failure("out of memory", ENOMEM);
  const gnutls_datum_t certificate = datum(tls.certificate);
  const gnutls_datum_t key = datum(tls.key);
  const int code = gnutls_certificate_set_x509_key_mem(credentials, &certificate, &key, GNUTLS_X509_FMT_PEM);
  gnutls_certificate_free_credentials(credentials);
  if (code < 0) return failure(std::string("TLS certificate and key: ") + gnutls_strerror(code), EINVAL);
  return {};
}

}  // namespace

Server::Server(std::unique_ptr<Shared> shared, MHD_Daemon* daemon) : shared_(std::move(shared)), daemon_(daemon) {}
Server::Server(Server&&) noexcept = default;
Server::~Server() = default;

Result<Server> Server::listen(Listening listening, Answerer answer) {
  auto shared = std::make_unique<Shared>(Shared{.answer = std::move(answer),
                                                .patience_us = std::chrono::microseconds(listening.patience).count(),
                                                .over_unix = is_unix(listening.socket)});
  unsigned flags = MHD_USE_EPOLL | MHD_NO_FLAG;
  std::vector<MHD_OptionItem> tls;
  if (listening.tls) {
    NP_TRY(check(*listening.tls));
    flags |= MHD_USE_TLS;
    tls = {{MHD_OPTION_HTTPS_MEM_CERT, 0, listening.tls->certificate.data()},
           {MHD_OPTION_HTTPS_MEM_KEY, 0, listening.tls->key.data()},
           {MHD_OPTION_HTTPS_PRIORITIES, 0, const_cast<char*>(kPriorities)}};
  }
  tls.push_back({MHD_OPTION_END, 0, nullptr});
  // MHD closes the socket when it stops. It knows no timeouts: those of the line cover more.
  MHD_Daemon* daemon = MHD_start_daemon(
      flags, 0, nullptr, nullptr, on_request, shared.get(), MHD_OPTION_LISTEN_SOCKET,
      ::fcntl(listening.socket.get(), F_DUPFD_CLOEXEC, 3), MHD_OPTION_CONNECTION_LIMIT, listening.connections_most,
      MHD_OPTION_CONNECTION_MEMORY_LIMIT, kPoolBytes, MHD_OPTION_UNESCAPE_CALLBACK, keep_escapes, nullptr,
      MHD_OPTION_NOTIFY_COMPLETED, on_completed, shared.get(), MHD_OPTION_NOTIFY_CONNECTION, on_connection,
      shared.get(), MHD_OPTION_ARRAY, tls.data(), MHD_OPTION_END);
  if (!daemon) return errno_failure("start the HTTP server", errno);
  return Server(std::move(shared), daemon);
}

void Server::Stop::operator()(MHD_Daemon* daemon) const {
  MHD_stop_daemon(daemon);
}

int Server::epoll_fd() const {
  return MHD_get_daemon_info(daemon_.get(), MHD_DAEMON_INFO_EPOLL_FD)->epoll_fd;
}

// First whatever has come in: after a long request of somebody else's, it may be in time all the same.
void Server::run() {
  MHD_run(daemon_.get());
  auto& line = shared_->line;
  const int64_t latest_us = steady_us() - shared_->patience_us;
  while (!line.empty() && line.front().since_us <= latest_us) {
    Connection& late = line.front();
    ::shutdown(late.fd, SHUT_RDWR);  // wakes the library up, which closes it
    shared_->enter(late, late.phase);
  }
}

std::optional<uint64_t> Server::timeout_ms() const {
  std::optional<uint64_t> least;
  MHD_UNSIGNED_LONG_LONG ms = 0;
  if (MHD_get_timeout(daemon_.get(), &ms) == MHD_YES) least = ms;
  if (!shared_->line.empty()) {
    const int64_t left_us = shared_->line.front().since_us + shared_->patience_us - steady_us();
    const uint64_t left_ms = left_us <= 0 ? 0 : static_cast<uint64_t>(left_us) / 1000 + 1;
    least = std::min(least.value_or(left_ms), left_ms);
  }
  return least;
}

void Server::stop_accepting() {
  const int listening = MHD_quiesce_daemon(daemon_.get());
  if (listening >= 0) ::close(listening);
}

bool Server::busy() const {
  if (shared_->asking > 0) return true;
  const int64_t silent_us = steady_us() - kSilentUs;
  for (const Connection& connection : std::views::reverse(shared_->line)) {
    if (connection.since_us <= silent_us) break;
    if (connection.phase == Phase::fresh) return true;
  }
  return false;
}

}  // namespace npanel
