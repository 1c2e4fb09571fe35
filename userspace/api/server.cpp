// SPDX-License-Identifier: Apache-2.0
#include "api/server.h"

#include <gnutls/gnutls.h>
#include <microhttpd.h>
#include <strings.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <deque>
#include <list>
#include <ranges>
#include <set>
#include <span>
#include <vector>

#include "api/problem.h"
#include "base/acceptor.h"
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
// Each session has keys of its own (RFC 9325, 4.1): no RSA key exchange, and of TLS 1.2 what has elliptic curves.
constexpr const char* kPriorities = "NORMAL:-VERS-ALL:+VERS-TLS1.3:+VERS-TLS1.2:-KX-ALL:+ECDHE-ECDSA:+ECDHE-RSA";
// One user's answers of one turn; whatever else they have asked waits for the next, behind everybody else's.
constexpr int64_t kTurnUs = 5000;
constexpr size_t kResumedAtOnce = 16;
constexpr int64_t kNudgeUs = 100'000;
constexpr std::string_view kUrgent = "/healthz";  // the watchdog's question, which waits for nobody
constexpr uid_t kOverTcp = static_cast<uid_t>(-1);

struct Connection {
  enum class Phase { fresh, asking, kept };
  int fd = -1;
  std::optional<uid_t> uid = {};
  size_t uri_bytes = 0;  // of the request, as a C string has it
  bool waits = false;    // for its user's next turn
  bool resumed = false;  // it has waited
  Phase phase = Phase::fresh;
  int64_t since_us = 0;
  std::list<Connection>::iterator place = {};
};

}  // namespace

// Every step of an exchange may take equally long, so the line is sorted by who runs out of time first.
struct Server::Shared {
  // Those whose question waits for its user's next turn.
  struct Waiting {
    MHD_Connection* connection;
    Connection* whose;
  };
  Answerer answer;
  Acceptor acceptor;
  UniqueFd epoll;    // of the acceptor's, the library's, and
  UniqueFd hangups;  // where it is told once of each connection that its client writes no more
  int64_t patience_us = 0;
  std::optional<Accepted> arriving = {};  // whom the library is just told about
  std::list<Connection> line = {};
  size_t asking = 0;
  std::map<uid_t, std::deque<Waiting>> waiting = {};
  std::map<uid_t, int64_t> spent_us = {};  // in this turn
  std::set<Connection*> hung_up = {};
  int64_t nudged_us = 0;

  void enter(Connection& connection, Connection::Phase phase) {
    if (connection.phase == Connection::Phase::asking) --asking;
    if (phase == Connection::Phase::asking) ++asking;
    connection.phase = phase;
    connection.since_us = steady_us();
    line.splice(line.end(), line, connection.place);
  }

  void watch(Connection& connection) const {
    epoll_event event{.events = EPOLLRDHUP | EPOLLONESHOT, .data = {.ptr = &connection}};
    ::epoll_ctl(hangups.get(), EPOLL_CTL_ADD, connection.fd, &event);  // else the line ends it, later
  }

  // The library (0.9.75) takes a read that brings less than there is room for as the last, and is told by an edge of
  // what comes then: of an end that came with the bytes it never hears, and the connection keeps its place. So what its
  // client has closed is woken up again, until the library has closed it, too.
  void nudge() {
    const auto wake = [](const Connection& connection) {
      if (!connection.waits) ::shutdown(connection.fd, SHUT_RD);  // what its client is still to be told is sent
    };
    if (steady_us() >= nudged_us + kNudgeUs) {
      nudged_us = steady_us();
      for (const Connection* each : hung_up) wake(*each);
    }
    std::array<epoll_event, 64> news{};
    for (int count = 0; (count = ::epoll_wait(hangups.get(), news.data(), news.size(), 0)) > 0;)
      for (const epoll_event& event : std::span(news).first(static_cast<size_t>(count))) {
        auto* connection = static_cast<Connection*>(event.data.ptr);
        hung_up.insert(connection);
        wake(*connection);
      }
  }

  static uid_t user(const Connection& connection) { return connection.uid.value_or(kOverTcp); }

  bool has_turn(const Connection& connection) {
    const uid_t who = user(connection);
    return spent_us[who] < kTurnUs && (connection.resumed || !waiting.contains(who));
  }

  void wait(MHD_Connection* connection, Connection& whose) {
    MHD_suspend_connection(connection);
    whose.waits = true;
    auto& line_of_user = waiting[user(whose)];
    // Who was called up, and finds the turn used up all the same, is the first of the next.
    line_of_user.insert(whose.resumed ? line_of_user.begin() : line_of_user.end(), {connection, &whose});
  }

  void resume(size_t most_of_each) {
    for (auto& [who, line_of_user] : waiting)
      for (size_t i = 0; i < most_of_each && !line_of_user.empty(); ++i) {
        const auto [connection, whose] = line_of_user.front();
        line_of_user.pop_front();
        whose->waits = false;
        whose->resumed = true;
        MHD_resume_connection(connection);
      }
    std::erase_if(waiting, [](const auto& user) { return user.second.empty(); });
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

// The headers as a request has them, and how often each was sent.
struct Headers {
  std::map<std::string, std::string> joined = {};
  std::map<std::string, int, std::less<>> times = {};
  bool controls = false;  // a name or a value holds what no text does

  [[nodiscard]] int count(std::string_view name) const {
    const auto found = times.find(name);
    return found == times.end() ? 0 : found->second;
  }
};

bool is_control(char c) {
  return (static_cast<unsigned char>(c) < ' ' && c != '\t') || c == '\x7f';
}

MHD_Result keep_header(void* headers, MHD_ValueKind, const char* key, const char* value) {
  auto& all = *static_cast<Headers*>(headers);
  std::string name = key;
  std::ranges::transform(name, name.begin(),
                         [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; });
  ++all.times[name];
  const std::string_view text = value ? value : "";
  all.controls = all.controls || std::ranges::any_of(name, is_control) || std::ranges::any_of(text, is_control);
  std::string& kept = all.joined[name];
  if (!kept.empty()) kept += ", ";
  kept += text;
  return MHD_YES;
}

// The library's strings end at a NUL, and the version stands behind the whole of the URI.
bool has_nul(const char* url, const char* version, size_t uri_bytes) {
  return version != url + uri_bytes + 1 || std::string_view(url).find("%00") != std::string_view::npos;
}

// What two readers may take for two requests (RFC 9110, 5.5; RFC 9112, 2.2, 3.2, 6.1 and 6.3) is refused before anybody
// reads on.
Response ambiguous(const Headers& headers, std::string_view version) {
  if (headers.controls) return problem(400, "headers must hold no control characters", "headers");
  const int hosts = headers.count("host");
  if (hosts > 1 || (hosts == 0 && version != "HTTP/1.0")) return problem(400, "Host must be sent once", "Host");
  const int lengths = headers.count("content-length");
  if (lengths > 1) return problem(400, "Content-Length must be sent once", "Content-Length");
  if (headers.count("transfer-encoding") == 0) return {};
  if (lengths > 0) return problem(400, "Content-Length must not be sent with Transfer-Encoding", "Content-Length");
  if (::strcasecmp(headers.joined.at("transfer-encoding").c_str(), "chunked") != 0)
    return problem(400, "Transfer-Encoding must be chunked, or not sent", "Transfer-Encoding");
  return {};
}

// It tells requests apart, and is no secret.
std::string new_request_id() {
  const auto text = random_text();
  return text ? text->substr(0, kIdBytes) : "at-" + std::to_string(steady_us());
}

bool is_request_id(std::string_view text) {
  constexpr std::string_view kAllowed = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-";
  return !text.empty() && text.size() <= kIdMost && text.find_first_not_of(kAllowed) == std::string_view::npos;
}

std::unique_ptr<Request> begin_request(MHD_Connection* connection, const char* url, const char* method,
                                       const Headers& headers, const Connection& whose) {
  auto request = std::make_unique<Request>();
  request->method = method;
  request->path = url;
  MHD_get_connection_values(connection, MHD_GET_ARGUMENT_KIND, keep_query, &request->query);
  request->headers = headers.joined;
  request->uid = whose.uid;
  request->began_us = whose.since_us;
  const auto id = request->headers.find("x-request-id");
  const bool theirs = id != request->headers.end() && is_request_id(id->second);
  request->id = theirs ? id->second : new_request_id();
  return request;
}

// Null when the request is refused, with the answer on its way.
std::unique_ptr<Request> begin_request(MHD_Connection* connection, const char* url, const char* method,
                                       const char* version, const Connection& whose) {
  Headers headers;
  MHD_get_connection_values(connection, MHD_HEADER_KIND, keep_header, &headers);
  auto request = begin_request(connection, url, method, headers, whose);
  Response refusal = ambiguous(headers, version);
  if (has_nul(url, version, whose.uri_bytes)) refusal = problem(400, "path must not hold a NUL", "path");
  if (refusal.status == 200) return request;
  refusal.headers.emplace_back("Connection", "close");
  send(connection, *request, refusal);
  return nullptr;
}

// Called once for the headers, once for each piece of the body, once at the end; again when it had to wait.
MHD_Result on_request(void* shared_pointer, MHD_Connection* connection, const char* url, const char* method,
                      const char* version, const char* piece, size_t* piece_bytes, void** state) {
  auto& shared = *static_cast<Server::Shared*>(shared_pointer);
  Connection& whose = state_of(connection);
  if (!*state) {
    shared.enter(whose, Phase::asking);
    whose.resumed = false;
    *state = begin_request(connection, url, method, version, whose).release();
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
  if (request.path != kUrgent && !shared.has_turn(whose)) {
    shared.wait(connection, whose);
    return MHD_YES;
  }
  const int64_t began_us = steady_us();
  const MHD_Result sent = send(connection, request, shared.answer(request));
  shared.spent_us[Server::Shared::user(whose)] += steady_us() - began_us;
  shared.enter(whose, Phase::asking);
  return sent;
}

// Before the library takes the URI apart.
void* on_uri(void*, const char* uri, MHD_Connection* connection) {
  state_of(connection).uri_bytes = std::strlen(uri);
  return nullptr;
}

void on_completed(void* shared, MHD_Connection* connection, void** state, MHD_RequestTerminationCode) {
  delete static_cast<Request*>(*state);
  *state = nullptr;
  static_cast<Server::Shared*>(shared)->enter(state_of(connection), Phase::kept);
}

void on_connection(void* shared_pointer, MHD_Connection* connection, void** state,
                   MHD_ConnectionNotificationCode code) {
  auto& shared = *static_cast<Server::Shared*>(shared_pointer);
  if (code == MHD_CONNECTION_NOTIFY_STARTED) {
    const int fd = MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CONNECTION_FD)->connect_fd;
    Connection& whose = shared.line.emplace_back(Connection{.fd = fd, .uid = shared.arriving->uid});
    whose.place = std::prev(shared.line.end());
    shared.enter(whose, Phase::fresh);
    shared.watch(whose);
    shared.arriving.reset();
    *state = &whose;
    return;
  }
  auto& whose = *static_cast<Connection*>(*state);
  shared.enter(whose, Phase::kept);
  shared.acceptor.ended(whose.uid);
  shared.hung_up.erase(&whose);
  shared.line.erase(whose.place);
}

// The path stays as it was sent: "bob%00x" and "..%2f" must never turn into another name.
size_t keep_escapes(void*, MHD_Connection*, char* text) {
  return std::strlen(text);
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
Server::~Server() {
  if (shared_) shared_->resume(SIZE_MAX);  // the library ends with nobody who waits
}

Result<Server> Server::listen(Listening listening, Answerer answer) {
  std::vector<UniqueFd> sockets;
  sockets.push_back(std::move(listening.socket));
  Acceptor acceptor = NP_TRY(Acceptor::listen(
      std::move(sockets), {.connections_most = listening.connections_most,
                           .connections_of_uid_most = std::max<size_t>(listening.connections_most / 2, 1),
                           .kept_for_root = listening.connections_most / 512}));
  UniqueFd epoll(::epoll_create1(EPOLL_CLOEXEC));
  UniqueFd hangups(::epoll_create1(EPOLL_CLOEXEC));
  if (!epoll.valid() || !hangups.valid()) return errno_failure("epoll_create1", errno);
  auto shared = std::make_unique<Shared>(Shared{.answer = std::move(answer),
                                                .acceptor = std::move(acceptor),
                                                .epoll = std::move(epoll),
                                                .hangups = std::move(hangups),
                                                .patience_us = std::chrono::microseconds(listening.patience).count()});
  unsigned flags = MHD_USE_EPOLL | MHD_USE_NO_LISTEN_SOCKET | MHD_ALLOW_SUSPEND_RESUME;
  std::vector<MHD_OptionItem> tls;
  if (listening.tls) {
    NP_TRY(check(*listening.tls));
    flags |= MHD_USE_TLS;
    tls = {{MHD_OPTION_HTTPS_MEM_CERT, 0, listening.tls->certificate.data()},
           {MHD_OPTION_HTTPS_MEM_KEY, 0, listening.tls->key.data()},
           {MHD_OPTION_HTTPS_PRIORITIES, 0, const_cast<char*>(kPriorities)}};
  }
  tls.push_back({MHD_OPTION_END, 0, nullptr});
  // MHD accepts nobody itself: it would have no measure. It knows no timeouts: those of the line cover more.
  MHD_Daemon* daemon = MHD_start_daemon(
      flags, 0, nullptr, nullptr, on_request, shared.get(), MHD_OPTION_CONNECTION_LIMIT, listening.connections_most + 1,
      MHD_OPTION_CONNECTION_MEMORY_LIMIT, kPoolBytes, MHD_OPTION_UNESCAPE_CALLBACK, keep_escapes, nullptr,
      MHD_OPTION_URI_LOG_CALLBACK, on_uri, nullptr, MHD_OPTION_NOTIFY_COMPLETED, on_completed, shared.get(),
      MHD_OPTION_NOTIFY_CONNECTION, on_connection, shared.get(), MHD_OPTION_ARRAY, tls.data(), MHD_OPTION_END);
  if (!daemon) return errno_failure("start the HTTP server", errno);
  Server server(std::move(shared), daemon);
  for (const int fd : {server.shared_->acceptor.epoll_fd(), server.shared_->hangups.get(),
                       MHD_get_daemon_info(daemon, MHD_DAEMON_INFO_EPOLL_FD)->epoll_fd}) {
    epoll_event event{.events = EPOLLIN, .data = {.fd = fd}};
    if (::epoll_ctl(server.epoll_fd(), EPOLL_CTL_ADD, fd, &event) != 0)
      return errno_failure("watch the HTTP server", errno);
  }
  return server;
}

void Server::Stop::operator()(MHD_Daemon* daemon) const {
  MHD_stop_daemon(daemon);
}

int Server::epoll_fd() const {
  return shared_->epoll.get();
}

void Server::accept_some() {
  for (Accepted& client : shared_->acceptor.accept()) {
    const auto uid = client.uid;
    Accepted& arriving = shared_->arriving.emplace(std::move(client));
    const sockaddr_storage address = arriving.address;
    const socklen_t address_bytes = arriving.address_bytes;
    MHD_add_connection(daemon_.get(), arriving.socket.release(), reinterpret_cast<const sockaddr*>(&address),
                       address_bytes);
    if (std::exchange(shared_->arriving, std::nullopt)) shared_->acceptor.ended(uid);  // it came to nothing
  }
}

// First whatever has come in: after a long request of somebody else's, it may be in time all the same.
void Server::run() {
  shared_->spent_us.clear();
  accept_some();
  shared_->resume(kResumedAtOnce);
  MHD_run(daemon_.get());
  shared_->nudge();
  auto& line = shared_->line;
  const int64_t latest_us = steady_us() - shared_->patience_us;
  while (!line.empty() && line.front().since_us <= latest_us) {
    Connection& late = line.front();
    if (!late.waits) ::shutdown(late.fd, SHUT_RDWR);  // wakes the library up, which closes it
    shared_->enter(late, late.phase);
  }
}

std::optional<uint64_t> Server::timeout_ms() const {
  if (!shared_->waiting.empty()) return 0;
  std::optional<uint64_t> least = shared_->acceptor.timeout_ms();
  MHD_UNSIGNED_LONG_LONG ms = 0;
  if (MHD_get_timeout(daemon_.get(), &ms) == MHD_YES) least = std::min<uint64_t>(least.value_or(ms), ms);
  if (!shared_->hung_up.empty()) {
    const int64_t left_us = shared_->nudged_us + kNudgeUs - steady_us();
    const uint64_t left_ms = left_us <= 0 ? 0 : static_cast<uint64_t>(left_us) / 1000 + 1;
    least = std::min(least.value_or(left_ms), left_ms);
  }
  if (!shared_->line.empty()) {
    const int64_t left_us = shared_->line.front().since_us + shared_->patience_us - steady_us();
    const uint64_t left_ms = left_us <= 0 ? 0 : static_cast<uint64_t>(left_us) / 1000 + 1;
    least = std::min(least.value_or(left_ms), left_ms);
  }
  return least;
}

void Server::stop_accepting() {
  shared_->acceptor.close();
}

AcceptFigures Server::figures() const {
  return shared_->acceptor.figures();
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
