// SPDX-License-Identifier: Apache-2.0
// Bytes on the API's socket: does only what was sent reach the API, is every answer one well-formed answer, does the
// connection end with its client, and does a stranger change nothing? The first byte of an input says in pieces of how
// many bytes the rest is sent, 0: in one.
#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <algorithm>
#include <charconv>
#include <chrono>
#include <cstring>
#include <filesystem>
#include <map>

#include "api/listen.h"
#include "api/request_guard.h"
#include "api/server.h"
#include "must.h"

namespace npanel {
namespace {

using Clock = std::chrono::steady_clock;

constexpr auto kDeadline = std::chrono::seconds(30);
constexpr std::string_view kHeadersEnd = "\r\n\r\n";

// What one input did.
struct Seen {
  std::string_view sent;
  bool stranger = false;
  int changes = 0;
  std::map<std::pair<std::string, std::string>, IdempotentReply> kept = {};
  std::string received = {};
};

Result<Response> show(Seen&, const Call& call) {
  NP_TRY(only_parameters(call.query, {"limit", "after", "below", "text"}));
  NP_TRY(limit_in(call.query));
  NP_TRY(text_in(call.query, "text"));
  const Json json{{"name", call.name}, {"query", call.query}};
  return versioned(json, call.name);
}

Result<Response> change(Seen& seen, const Call& call) {
  ++seen.changes;
  return ok({{"name", call.name}, {"by", call.caller.actor}});
}

Result<Response> change_by_body(Seen& seen, const Call& call) {
  const Json body = NP_TRY(parse_object(call.request.body));
  ++seen.changes;
  return ok(body, 201);
}

Result<Json> version(Seen&, const Call& call) {
  return Json(call.name);
}

// A route of every kind that the agent has: who may ask, what stands in the path, what is read of the request.
std::vector<Route> routes(Seen& seen) {
  return {
      {.method = "GET", .path = "/healthz", .handler = over(seen, show), .access = Access::open},
      {.method = "GET", .path = "/metrics", .handler = over(seen, show), .access = Access::scrape},
      {.method = "GET", .path = "/api/v1/accounts", .handler = over(seen, show)},
      {.method = "POST", .path = "/api/v1/accounts", .handler = over(seen, change_by_body), .action = "account.create"},
      {.method = "GET", .path = "/api/v1/accounts/*", .handler = over(seen, show)},
      {.method = "PATCH",
       .path = "/api/v1/accounts/*",
       .handler = over(seen, change_by_body),
       .action = "account.change",
       .version = over(seen, version)},
      {.method = "DELETE", .path = "/api/v1/accounts/*", .handler = over(seen, change), .action = "account.delete"},
      {.method = "GET",
       .path = "/api/v1/accounts/*/mail",
       .handler = over(seen, show),
       .feature = NP_EMAIL_RATE_LIMITING},
      {.method = "POST", .path = "/api/v1/accounts/*/suspend", .handler = over(seen, change), .action = "suspend"},
      {.method = "GET", .path = "/api/v1/features", .handler = over(seen, show)},
      {.method = "POST", .path = "/api/v1/reload", .handler = over(seen, change), .action = "config.reload"},
      {.method = "GET", .path = "/api/v1/tokens", .handler = over(seen, show), .access = Access::secret},
      {.method = "POST",
       .path = "/api/v1/tokens",
       .handler = over(seen, change_by_body),
       .action = "token.create",
       .access = Access::secret},
  };
}

// Every feature is on, and nobody has a token.
GuardSources sources(Seen& seen) {
  const auto find = [&seen](const std::string& client,
                            const std::string& key) -> Result<std::optional<IdempotentReply>> {
    const auto found = seen.kept.find({client, key});
    return found == seen.kept.end() ? std::nullopt : std::optional(found->second);
  };
  const auto keep = [&seen](const IdempotentReply& reply) -> Result<void> {
    seen.kept[{reply.client, reply.key}] = reply;
    return {};
  };
  return {.find_token = [](std::string_view) { return std::nullopt; },
          .is_on = [](Feature) { return true; },
          .audit_refusal = [](const AuditEntry&) {},
          .replies = {.find = find, .keep = keep, .lived_ms = [] { return int64_t{1}; }}};
}

void judge_request(const Seen& seen, const Request& request) {
  const auto was_sent = [&](std::string_view text) { return seen.sent.find(text) != std::string_view::npos; };
  must(was_sent(request.method), "the method was sent", request.method);
  must(was_sent(request.path), "the path was sent, as it is", request.path);
  must(request.path.find('\0') == std::string::npos && request.path.find("%00") == std::string::npos, "no NUL comes in",
       request.path);
  must(request.body.size() <= kBodyMost && request.body.size() <= seen.sent.size(), "the body was sent");
  if (!request.headers.contains("transfer-encoding")) must(was_sent(request.body), "the body is of one piece");
  for (const auto& [name, value] : request.headers)
    must(value.find_first_of("\r\n") == std::string::npos, "no header holds another", value);
}

Response answer(Seen& seen, const Request& request) {
  judge_request(seen, request);
  Request as_it_came = request;
  if (seen.stranger) as_it_came.uid.reset();  // as over TCP
  Router router;
  router.add(routes(seen));
  RequestGuard guard(std::move(router), sources(seen), RateRules{});
  const Response response = guard.answer(as_it_came);
  if (seen.stranger)
    must(response.status >= 400 || request.path == "/healthz", "a stranger learns nothing", request.path);
  return response;
}

class Socket {
 public:
  Socket() : directory_(std::filesystem::temp_directory_path() / ("npanel-http-fuzz." + std::to_string(::getpid()))) {
    std::filesystem::create_directories(directory_);
  }
  ~Socket() { std::filesystem::remove_all(directory_); }
  Socket(const Socket&) = delete;
  Socket& operator=(const Socket&) = delete;

  [[nodiscard]] UniqueFd listen() const { return listen_unix(path(), "").value(); }
  [[nodiscard]] UniqueFd connect() const {
    UniqueFd socket(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    path().copy(address.sun_path, sizeof(address.sun_path) - 1);
    must(::connect(socket.get(), reinterpret_cast<const sockaddr*>(&address), sizeof(address)) == 0, "connect");
    ::fcntl(socket.get(), F_SETFL, O_NONBLOCK);
    return socket;
  }

 private:
  [[nodiscard]] std::string path() const { return directory_ / "api.sock"; }
  std::filesystem::path directory_;
};

// One server for all inputs: what one of them leaves behind is the next one's to find.
struct World {
  Socket socket = {};
  Seen* seen = nullptr;
  Server server = Server::listen({.socket = socket.listen(), .patience = kDeadline}, [this](const Request& request) {
                    return answer(*seen, request);
                  }).value();
};

bool has_ended(int client, std::string& received) {
  char piece[4096];
  ssize_t got = 0;
  while ((got = ::recv(client, piece, sizeof(piece), 0)) > 0) received.append(piece, static_cast<size_t>(got));
  return got == 0 || (errno != EAGAIN && errno != EINTR);
}

// The server may have closed already: what is not taken any more is not sent.
void send_all(World& world, int client, std::string_view text, size_t piece_bytes) {
  const auto deadline = Clock::now() + kDeadline;
  while (!text.empty() && Clock::now() < deadline) {
    const std::string_view piece = text.substr(0, piece_bytes);
    const ssize_t taken = ::send(client, piece.data(), piece.size(), MSG_NOSIGNAL);
    if (taken < 0 && errno != EAGAIN) return;
    if (taken > 0) text.remove_prefix(static_cast<size_t>(taken));
    world.server.run();
    if (has_ended(client, world.seen->received)) return;
  }
}

void exchange(World& world, size_t piece_bytes) {
  const UniqueFd client = world.socket.connect();
  send_all(world, client.get(), world.seen->sent, piece_bytes);
  ::shutdown(client.get(), SHUT_WR);
  const auto deadline = Clock::now() + kDeadline;
  while (!has_ended(client.get(), world.seen->received)) {
    must(Clock::now() < deadline, "a connection ends with its client", world.seen->received);
    pollfd waiting{.fd = world.server.epoll_fd(), .events = POLLIN, .revents = 0};
    ::poll(&waiting, 1, 1);
    world.server.run();
  }
}

// The bytes of the body that the headers promise; nullopt: none are promised, or twice.
std::optional<size_t> promised(std::string_view headers) {
  constexpr std::string_view kName = "\r\nContent-Length: ";
  const size_t at = headers.find(kName);
  if (at == std::string_view::npos || headers.find(kName, at + 1) != std::string_view::npos) return {};
  const std::string_view digits = headers.substr(at + kName.size());
  size_t bytes = 0;
  if (std::from_chars(digits.data(), digits.data() + digits.size(), bytes).ec != std::errc{}) return {};
  return bytes;
}

// As a strict client reads it: nothing of a request's may begin an answer of its own.
void judge_answers(const Seen& seen) {
  const bool may_lack_body = seen.sent.find("HEAD") != std::string_view::npos;
  std::string_view rest = seen.received;
  while (!rest.empty()) {
    must(rest.starts_with("HTTP/1.1 ") || rest.starts_with("HTTP/1.0 "), "an answer begins with its status",
         seen.received);
    const size_t end = rest.find(kHeadersEnd);
    must(end != std::string_view::npos, "the headers of an answer end", seen.received);
    const std::string_view headers = rest.substr(0, end);
    rest.remove_prefix(end + kHeadersEnd.size());
    const std::string_view status = headers.substr(9, 3);
    if (status == "100" || status == "204" || status == "304") continue;  // these have no body (RFC 9110, 6.4.1)
    // The library of Debian 12 sends the headers of its own refusals twice; whoever reads has been told that it is the
    // last answer of the connection.
    if (status[0] >= '4' && headers.find("\r\nConnection: close") != std::string_view::npos) return;
    const auto bytes = promised(headers);
    must(bytes.has_value(), "an answer says once how long it is", seen.received);
    if (may_lack_body && (rest.empty() || rest.starts_with("HTTP/1."))) continue;
    must(*bytes <= rest.size(), "an answer is as long as it says", seen.received);
    rest.remove_prefix(*bytes);
  }
}

void judge(World& world, std::string_view sent, size_t piece_bytes, bool stranger) {
  Seen seen{.sent = sent, .stranger = stranger};
  world.seen = &seen;
  exchange(world, piece_bytes);
  judge_answers(seen);
  if (stranger) must(seen.changes == 0, "a stranger changes nothing");
}

}  // namespace
}  // namespace npanel

// NOLINTNEXTLINE(readability-identifier-naming): libFuzzer's own name
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static npanel::World world;
  if (size == 0) return 0;
  const std::string_view sent(reinterpret_cast<const char*>(data) + 1, size - 1);
  for (const bool stranger : {false, true}) npanel::judge(world, sent, data[0] ? data[0] : SIZE_MAX, stranger);
  return 0;
}
