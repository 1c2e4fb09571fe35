// SPDX-License-Identifier: Apache-2.0
#include "api/server.h"

#include <fcntl.h>
#include <gnutls/gnutls.h>
#include <gnutls/x509.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <chrono>
#include <cstring>
#include <filesystem>
#include <vector>

#include "api/listen.h"
#include "unit/api/port_of.h"

namespace npanel {
namespace {

using Clock = std::chrono::steady_clock;

constexpr auto kDeadline = std::chrono::seconds(30);
constexpr const char* kGet = "GET /x?a=1%202&b HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";

// Turns the server until the condition holds, or no longer than a broken one needs to be called so.
template <class Condition>
bool turn_until(Server& server, Condition condition) {
  const auto deadline = Clock::now() + kDeadline;
  while (!condition()) {
    if (Clock::now() > deadline) return false;
    pollfd waiting{.fd = server.epoll_fd(), .events = POLLIN, .revents = 0};
    ::poll(&waiting, 1, 1);
    server.run();
  }
  return true;
}

// As the event loop does it: the server has its turn only when it has asked for it.
template <class Condition>
bool turn_when_asked(Server& server, Condition condition) {
  const auto deadline = Clock::now() + std::chrono::seconds(5);
  while (!condition()) {
    if (Clock::now() > deadline) return false;
    pollfd waiting{.fd = server.epoll_fd(), .events = POLLIN, .revents = 0};
    const auto timeout_ms = server.timeout_ms();
    const int ready = ::poll(&waiting, 1, timeout_ms && *timeout_ms < 5 ? static_cast<int>(*timeout_ms) : 5);
    if (ready > 0 || timeout_ms == 0) server.run();
  }
  return true;
}

class Client {
 public:
  Client(int family, const sockaddr* address, socklen_t bytes) : fd_(::socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    EXPECT_EQ(::connect(fd_.get(), address, bytes), 0) << errno;
    ::fcntl(fd_.get(), F_SETFL, O_NONBLOCK);
  }
  void send(std::string_view text) {
    EXPECT_EQ(::send(fd_.get(), text.data(), text.size(), MSG_NOSIGNAL), static_cast<ssize_t>(text.size()));
  }
  // Everything so far; true when the other end has closed.
  bool ended() {
    char piece[4096];
    ssize_t got = 0;
    while ((got = ::recv(fd_.get(), piece, sizeof(piece), 0)) > 0) received.append(piece, static_cast<size_t>(got));
    return got == 0 || (errno != EAGAIN && errno != EINTR);
  }
  void write_no_more() { ::shutdown(fd_.get(), SHUT_WR); }
  [[nodiscard]] int fd() const { return fd_.get(); }
  std::string received;

 private:
  UniqueFd fd_;
};

class ServerTest : public testing::Test {
 protected:
  ServerTest() : directory_(testing::TempDir() + "npanel-server-test." + std::to_string(::getpid())) {
    std::filesystem::create_directories(directory_);
  }
  ~ServerTest() override { std::filesystem::remove_all(directory_); }

  std::string path() const { return directory_ + "/api.sock"; }
  Server start(std::chrono::milliseconds patience = kDeadline, unsigned connections_most = 8192) {
    Listening listening{.socket = listen_unix(path(), "").value(), .patience = patience};
    listening.connections_most = connections_most;
    return Server::listen(std::move(listening),
                          [this](const Request& request) {
                            requests.push_back(request);
                            if (request.path == "/slow") work(kSlow);
                            return response;
                          })
        .value();
  }
  Client connect() const {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    path().copy(address.sun_path, sizeof(address.sun_path) - 1);
    return {AF_UNIX, reinterpret_cast<const sockaddr*>(&address), sizeof(address)};
  }
  std::string exchange(Server& server, const std::string& text) {
    Client client = connect();
    client.send(text);
    EXPECT_TRUE(turn_until(server, [&] { return client.ended(); }));
    return client.received;
  }

  static constexpr auto kSlow = std::chrono::milliseconds(3);
  static void work(Clock::duration time) {
    for (const auto until = Clock::now() + time; Clock::now() < until;) continue;
  }
  std::vector<Client> connect_many(size_t count, const std::string& text) {
    std::vector<Client> clients;
    for (size_t i = 0; i < count; ++i) {
      clients.push_back(connect());
      if (!text.empty()) clients.back().send(text);
    }
    return clients;
  }

  std::vector<Request> requests;
  Response response{.body = "{}", .headers = {{"ETag", "\"1\""}, {"Retry-After", "7"}}};

 private:
  std::string directory_;
};

TEST_F(ServerTest, AnswersHeadWithTheHeadersOfAGetAndNoBody) {
  response = {.status = 200, .body = "{\"name\":\"bob\"}\n", .headers = {{"ETag", "\"0123456789abcdef\""}}};
  Server server = start();
  const std::string head = exchange(server, "HEAD /x HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
  EXPECT_TRUE(head.starts_with("HTTP/1.1 200")) << head;
  EXPECT_TRUE(head.ends_with("\r\n\r\n")) << head;
  EXPECT_NE(head.find("Content-Length: 15"), std::string::npos) << head;
  EXPECT_NE(head.find("ETag: "), std::string::npos) << head;
  EXPECT_EQ(requests.back().method, "HEAD");
}

TEST_F(ServerTest, FillsTheRequest) {
  Server server = start();
  exchange(server,
           "POST /a%2Fb?q=%41+b&q2 HTTP/1.1\r\nHost: x\r\nX-REQUEST-ID: abc-1.2_3\r\nIf-Match: \"a\"\r\n"
           "if-match: \"b\"\r\nContent-Length: 5\r\nConnection: close\r\n\r\nhello");
  ASSERT_EQ(requests.size(), 1u);
  const Request& request = requests.front();
  EXPECT_EQ(request.method, "POST");
  EXPECT_EQ(request.path, "/a%2Fb");
  EXPECT_EQ(request.query, (std::map<std::string, std::string>{{"q", "%41 b"}, {"q2", ""}}));
  EXPECT_EQ(request.body, "hello");
  EXPECT_EQ(request.headers.at("if-match"), "\"a\", \"b\"");
  EXPECT_EQ(request.headers.at("host"), "x");
  EXPECT_EQ(request.uid, ::getuid());
  EXPECT_EQ(request.id, "abc-1.2_3");
  EXPECT_GT(request.began_us, 0);
  EXPECT_FALSE(request.too_large);
}

TEST_F(ServerTest, SendsHeadersAndTheRequestsId) {
  Server server = start();
  const std::string answer =
      exchange(server, "GET / HTTP/1.1\r\nHost: x\r\nX-Request-Id: mine\r\nConnection: close\r\n\r\n");
  for (const char* line : {"HTTP/1.1 200 OK\r\n", "\r\nETag: \"1\"\r\n", "\r\nRetry-After: 7\r\n",
                           "\r\nX-Request-Id: mine\r\n", "\r\nContent-Type: application/json\r\n"})
    EXPECT_NE(answer.find(line), std::string::npos) << answer;
}

TEST_F(ServerTest, MakesAnIdWhenTheClientsIsNone) {
  Server server = start();
  for (const std::string& id : {std::string("a b"), std::string(65, 'a'), std::string("a/b"), std::string("ä")})
    exchange(server, "GET / HTTP/1.1\r\nHost: x\r\nX-Request-Id: " + id + "\r\nConnection: close\r\n\r\n");
  const std::string answer = exchange(server, kGet);
  ASSERT_EQ(requests.size(), 5u);
  for (const Request& request : requests) EXPECT_EQ(request.id.size(), 16u) << request.id;
  EXPECT_NE(requests[3].id, requests[4].id);
  EXPECT_NE(answer.find("\r\nX-Request-Id: " + requests[4].id + "\r\n"), std::string::npos);
}

TEST_F(ServerTest, LeavesALargeBodyOut) {
  Server server = start();
  for (const size_t size : {kBodyMost, kBodyMost + 1})
    exchange(server, "POST / HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: " + std::to_string(size) +
                         "\r\n\r\n" + std::string(size, 'x'));
  ASSERT_EQ(requests.size(), 2u);
  EXPECT_FALSE(requests[0].too_large);
  EXPECT_EQ(requests[0].body.size(), kBodyMost);
  EXPECT_TRUE(requests[1].too_large);
  EXPECT_EQ(requests[1].body, "");
}

TEST_F(ServerTest, AnswersALongPathItself) {
  Server server = start();
  exchange(server, "GET /" + std::string(10'240, 'a') + " HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
  ASSERT_EQ(requests.size(), 1u);
  EXPECT_EQ(requests.front().path.size(), 10'241u);
}

TEST_F(ServerTest, SendsNoBodyWithoutOne) {
  Server server = start();
  for (const int status : {204, 304}) {
    response = {.status = status, .body = {}};
    const std::string answer = exchange(server, kGet);
    EXPECT_EQ(answer.find("HTTP/1.1 " + std::to_string(status)), 0u) << answer;
    EXPECT_EQ(answer.find("Content-Type"), std::string::npos);
    EXPECT_TRUE(answer.ends_with("\r\n\r\n"));
  }
}

TEST_F(ServerTest, CutsOffWhoSendsTooSlowly) {
  Server server = start(std::chrono::milliseconds(100));
  const std::string headers = "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000\r\n\r\n";
  for (const std::string& begin : {std::string(), std::string("GET / HTTP/1.1\r\nX: "), headers}) {
    Client client = connect();
    if (!begin.empty()) client.send(begin);
    // However steadily the bytes come.
    EXPECT_TRUE(turn_until(server, [&] {
      ::send(client.fd(), "x", 1, MSG_NOSIGNAL);
      return client.ended();
    })) << begin;
  }
  EXPECT_TRUE(turn_until(server, [&] { return !server.timeout_ms(); })) << "nobody is there any more";
  EXPECT_TRUE(requests.empty());
}

TEST_F(ServerTest, CutsOffWhoDoesNotTakeTheAnswer) {
  response.body = std::string(16 << 20, 'x');
  Server server = start(std::chrono::milliseconds(100));
  Client client = connect();
  client.send(kGet);
  EXPECT_TRUE(turn_until(server, [&] { return !requests.empty() && !server.timeout_ms(); }));
  EXPECT_TRUE(client.ended());
  EXPECT_LT(client.received.size(), response.body.size());
}

TEST_F(ServerTest, SaysWhenItMustRunAlthoughNothingComes) {
  Server server = start();
  EXPECT_FALSE(server.timeout_ms());
  Client client = connect();
  ASSERT_TRUE(turn_until(server, [&] { return server.timeout_ms().has_value(); }));
  EXPECT_LE(server.timeout_ms().value(), static_cast<uint64_t>(std::chrono::milliseconds(kDeadline).count()) + 1);
}

TEST_F(ServerTest, ManyHalfOpenConnectionsKeepNobodyFromBeingAnswered) {
  rlimit files{};
  ASSERT_EQ(::getrlimit(RLIMIT_NOFILE, &files), 0);
  files.rlim_cur = files.rlim_max;
  ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &files), 0);
  Server server = start();
  std::vector<Client> silent;
  for (int i = 0; i < 2000; ++i) {
    silent.push_back(connect());
    if (i % 2 == 0) silent.back().send("GET /healthz HTTP/1.1\r\nHo");
    server.run();
  }
  for (int i = 0; i < 20; ++i) EXPECT_EQ(exchange(server, kGet).find("HTTP/1.1 200"), 0u);
  for (Client& client : silent) EXPECT_FALSE(client.ended());
}

TEST_F(ServerTest, TakesAFewConnectionsATurn) {
  Server server = start();
  const auto clients = connect_many(100, "");
  for (size_t turn = 1; turn <= 3; ++turn) {
    server.run();
    EXPECT_EQ(server.figures().connections, turn * Acceptor::kAtOnce);
  }
}

TEST_F(ServerTest, ListensAgainWhenItsConnectionsHaveEnded) {
  Server server = start(kDeadline, 3);
  for (int i = 0; i < 3; ++i) {
    auto clients = connect_many(5, "");
    ASSERT_TRUE(turn_when_asked(server, [&] { return server.figures().connections == 3; }));
    pollfd quiet{.fd = server.epoll_fd(), .events = POLLIN, .revents = 0};
    EXPECT_EQ(::poll(&quiet, 1, 0), 0) << "nobody is waited on whom it has no room for";
    clients.clear();
    Client late = connect();
    late.send(kGet);
    ASSERT_TRUE(turn_when_asked(server, [&] { return late.ended(); }));
    EXPECT_EQ(late.received.find("HTTP/1.1 200"), 0u);
  }
}

// Over TCP half a request and the end of it come together, and nothing comes any more that would tell of the end.
TEST_F(ServerTest, WhoHasHungUpKeepsNobodysPlace) {
  Listening listening{.socket = listen_tcp("127.0.0.1:0").value(), .patience = kDeadline};
  listening.connections_most = 4;
  const sockaddr_in address{.sin_family = AF_INET,
                            .sin_port = htons(static_cast<in_port_t>(port_of(listening.socket))),
                            .sin_addr = {.s_addr = htonl(INADDR_LOOPBACK)},
                            .sin_zero = {}};
  const auto connect = [&] { return Client(AF_INET, reinterpret_cast<const sockaddr*>(&address), sizeof(address)); };
  Server server = Server::listen(std::move(listening), [this](const Request&) { return response; }).value();
  for (const char* text : {"", "GET /x HT", "POST /x HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\nhalf",
                           "GET /x HTTP/1.1\r\nHost: x\r\n\r\n"}) {
    for (int i = 0; i < 12; ++i) connect().send(text);  // and it is gone
    Client late = connect();
    late.send(kGet);
    ASSERT_TRUE(turn_when_asked(server, [&] { return late.ended(); })) << text;
    EXPECT_TRUE(late.received.starts_with("HTTP/1.1 200")) << text << late.received;
  }
}

TEST_F(ServerTest, WhoOnlyWritesNoMoreIsAnswered) {
  Server server = start();
  Client client = connect();
  client.send("GET /slow HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
  client.write_no_more();
  EXPECT_TRUE(turn_until(server, [&] { return client.ended(); }));
  EXPECT_TRUE(client.received.starts_with("HTTP/1.1 200")) << client.received;
}

TEST_F(ServerTest, WithoutDescriptorsItRestsAndComesBack) {
  Server server = start();
  rlimit before{};
  ASSERT_EQ(::getrlimit(RLIMIT_NOFILE, &before), 0);
  Client client = connect();
  client.send(kGet);
  const rlimit none{.rlim_cur = static_cast<rlim_t>(client.fd()), .rlim_max = before.rlim_max};
  ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &none), 0);
  server.run();
  pollfd quiet{.fd = server.epoll_fd(), .events = POLLIN, .revents = 0};
  const int ready = ::poll(&quiet, 1, 0);
  const auto timeout_ms = server.timeout_ms();
  ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &before), 0);
  EXPECT_EQ(ready, 0) << "the loop would turn without end";
  EXPECT_GT(timeout_ms.value_or(0), 50u);
  EXPECT_TRUE(turn_when_asked(server, [&] { return client.ended(); }));
  EXPECT_EQ(client.received.find("HTTP/1.1 200"), 0u);
}

TEST_F(ServerTest, AThousandQuestionsAtOnceAreAnsweredAFewATurnAndHealthBeforeThem) {
  constexpr size_t kMany = 200;
  Server server = start();
  auto clients = connect_many(kMany, "GET /slow HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
  Client watchdog = connect();
  watchdog.send("GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
  size_t most = 0;
  size_t before_health = kMany;
  const bool all = turn_until(server, [&, answered = size_t{0}]() mutable {
    most = std::max(most, requests.size() - answered);
    answered = requests.size();
    if (watchdog.ended()) before_health = std::min(before_health, answered);
    return answered == kMany + 1;
  });
  EXPECT_TRUE(all);
  EXPECT_LE(most, 3u) << "a turn is 5 ms, each answer takes 3, and health waits for nobody";
  EXPECT_LT(before_health, kMany / 2);
  for (Client& client : clients) EXPECT_TRUE(turn_until(server, [&] { return client.ended(); }));
}

TEST_F(ServerTest, WhoWaitsForATurnIsNotLate) {
  Server server = start(std::chrono::milliseconds(50));
  auto clients = connect_many(60, "GET /slow HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
  for (Client& client : clients) {
    EXPECT_TRUE(turn_until(server, [&] { return client.ended(); }));
    EXPECT_EQ(client.received.find("HTTP/1.1 200"), 0u);
  }
}

TEST_F(ServerTest, EndsWhileQuestionsWaitForTheirTurn) {
  Server server = start();
  const auto clients = connect_many(10, "GET /slow HTTP/1.1\r\nHost: x\r\n\r\n");
  server.run();
  server.run();
  EXPECT_TRUE(server.busy());
  EXPECT_EQ(server.timeout_ms(), 0u);
}

TEST_F(ServerTest, RefusesWhatTwoReadersMayTakeForTwoRequests) {
  Server server = start();
  const std::string host = "Host: x\r\n";
  for (const std::string& headers :
       {host + "Content-Length: 2\r\nContent-Length: 3\r\n", host + "Content-Length: 2\r\ncontent-length: 2\r\n",
        host + "Content-Length: 2\r\nX-A: b\rX-B: c\r\n", std::string("Host: x\x01\r\nContent-Length: 2\r\n"),
        host + "Content-Length: 2\r\nX-\x7f: b\r\n", host + "Content-Length: 2\r\nTransfer-Encoding: chunked\r\n",
        host + "Transfer-Encoding: identity\r\n", host + "Transfer-Encoding: gzip, chunked\r\n",
        host + "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n", host + "Host: y\r\n", host + host,
        std::string("Content-Length: 2\r\n")}) {
    std::string requests = "POST /a HTTP/1.1\r\n";
    requests.append(headers).append("\r\n{}GET /b HTTP/1.1\r\n").append(host).append("\r\n");
    const std::string answer = exchange(server, requests);
    EXPECT_EQ(answer.find("HTTP/1.1 400"), 0u) << headers << answer;
    EXPECT_NE(answer.find("application/problem+json"), std::string::npos) << headers << answer;
    EXPECT_EQ(answer.find("HTTP/1.1", 1), std::string::npos) << "no second request: " << headers << answer;
  }
  EXPECT_EQ(exchange(server, "POST /a HTTP/1.1\r\n" + host + "Content-Length: 2, 2\r\n\r\n{}").find("HTTP/1.1 400"),
            0u);
  EXPECT_TRUE(requests.empty());
}

TEST_F(ServerTest, RefusesANulInThePath) {
  Server server = start();
  using namespace std::string_literals;
  for (const std::string& uri : {"/accounts/bob\0x"s, "/accounts/bob\0x?a=1"s, "/accounts/bob\0"s,
                                 "/accounts/bob?a=\0x"s, "/accounts/bob%00x"s, "/accounts/bob\0?a=1&b=2"s}) {
    const std::string answer = exchange(server, "GET " + uri + " HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
    EXPECT_EQ(answer.find("HTTP/1.1 400"), 0u) << uri << answer;
  }
  EXPECT_TRUE(requests.empty());
  exchange(server, "GET /accounts/bob?a=%00&b=1&c HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
  EXPECT_EQ(requests.size(), 1u) << "what has none is let in";
}

TEST_F(ServerTest, IsBusyWithANewConnectionOnlyForAMoment) {
  Server server = start();
  EXPECT_FALSE(server.busy());
  Client silent = connect();
  ASSERT_TRUE(turn_until(server, [&] { return server.busy(); }));
  EXPECT_TRUE(turn_until(server, [&] { return !server.busy(); })) << "it sends nothing";
  EXPECT_FALSE(silent.ended()) << "but may still";
}

TEST_F(ServerTest, IsBusyUntilARequestIsAnswered) {
  Server server = start();
  Client client = connect();
  client.send("POST / HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: 2\r\n\r\na");
  const auto begun = Clock::now();
  ASSERT_TRUE(turn_until(server, [&] { return Clock::now() - begun > std::chrono::milliseconds(700); }));
  EXPECT_TRUE(server.busy());
  server.stop_accepting();
  client.send("b");
  EXPECT_TRUE(turn_until(server, [&] { return client.ended(); }));
  EXPECT_EQ(client.received.find("HTTP/1.1 200"), 0u);
  EXPECT_FALSE(server.busy());
}

TEST_F(ServerTest, AKeptConnectionIsNotBusy) {
  Server server = start();
  Client client = connect();
  client.send("GET / HTTP/1.1\r\nHost: x\r\n\r\n");
  EXPECT_TRUE(turn_until(server, [&] { return client.ended() || !client.received.empty(); }));
  EXPECT_TRUE(turn_until(server, [&] { return !server.busy(); }));
  client.send(kGet);
  EXPECT_TRUE(turn_until(server, [&] { return client.ended(); }));
  EXPECT_EQ(requests.size(), 2u);
}

Client connect_tcp(uint16_t port) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  return {AF_INET, reinterpret_cast<const sockaddr*>(&address), sizeof(address)};
}

TEST(Tcp, KnowsNoUid) {
  UniqueFd socket = listen_tcp("127.0.0.1:0").value();
  Client client = connect_tcp(port_of(socket));
  std::optional<Request> seen;
  Server server = Server::listen({.socket = std::move(socket)}, [&](const Request& request) {
                    seen = request;
                    return Response{};
                  }).value();
  client.send(kGet);
  ASSERT_TRUE(turn_until(server, [&] { return client.ended(); }));
  ASSERT_TRUE(seen);
  EXPECT_EQ(seen->uid, std::nullopt);
}

// A certificate of its own, for a minute's test.
Tls self_signed(gnutls_pk_algorithm_t algorithm = GNUTLS_PK_ECDSA,
                unsigned bits = GNUTLS_CURVE_TO_BITS(GNUTLS_ECC_CURVE_SECP256R1)) {
  gnutls_x509_privkey_t key = nullptr;
  gnutls_x509_crt_t certificate = nullptr;
  gnutls_x509_privkey_init(&key);
  gnutls_x509_privkey_generate(key, algorithm, bits, 0);
  gnutls_x509_crt_init(&certificate);
  gnutls_x509_crt_set_version(certificate, 3);
  gnutls_x509_crt_set_serial(certificate, "\1", 1);
  gnutls_x509_crt_set_dn(certificate, "CN=localhost", nullptr);
  gnutls_x509_crt_set_activation_time(certificate, ::time(nullptr) - 60);
  gnutls_x509_crt_set_expiration_time(certificate, ::time(nullptr) + 3600);
  gnutls_x509_crt_set_key(certificate, key);
  gnutls_x509_crt_sign2(certificate, certificate, key, GNUTLS_DIG_SHA256, 0);
  gnutls_datum_t text{};
  Tls tls;
  gnutls_x509_crt_export2(certificate, GNUTLS_X509_FMT_PEM, &text);
  tls.certificate.assign(reinterpret_cast<char*>(text.data), text.size);
  gnutls_free(text.data);
  gnutls_x509_privkey_export2(key, GNUTLS_X509_FMT_PEM, &text);
  tls.key.assign(reinterpret_cast<char*>(text.data), text.size);
  gnutls_free(text.data);
  gnutls_x509_crt_deinit(certificate);
  gnutls_x509_privkey_deinit(key);
  return tls;
}

class TlsTest : public testing::Test {
 protected:
  TlsTest() {
    serve(self_signed());
    gnutls_certificate_allocate_credentials(&credentials_);
  }
  void serve(Tls tls) {
    UniqueFd socket = listen_tcp("127.0.0.1:0").value();
    port_ = port_of(socket);
    server.emplace(Server::listen({.socket = std::move(socket), .tls = std::move(tls)}, [](const Request&) {
                     return Response{.body = "hello"};
                   }).value());
  }
  ~TlsTest() override { gnutls_certificate_free_credentials(credentials_); }

  // What was received; "" when the two agree on no protocol.
  std::string exchange(const char* priorities) {
    Client client = connect_tcp(port_);
    gnutls_session_t session = nullptr;
    gnutls_init(&session, GNUTLS_CLIENT | GNUTLS_NONBLOCK);
    EXPECT_EQ(gnutls_priority_set_direct(session, priorities, nullptr), 0);
    gnutls_credentials_set(session, GNUTLS_CRD_CERTIFICATE, credentials_);
    gnutls_transport_set_int(session, client.fd());
    int code = GNUTLS_E_AGAIN;
    EXPECT_TRUE(turn_until(*server, [&] {
      code = gnutls_handshake(session);
      return code == 0 || gnutls_error_is_fatal(code) != 0;
    }));
    std::string received;
    if (code == 0) {
      EXPECT_GT(gnutls_record_send(session, kGet, std::strlen(kGet)), 0);
      char piece[4096];
      ssize_t got = 0;
      EXPECT_TRUE(turn_until(*server, [&] {
        got = gnutls_record_recv(session, piece, sizeof(piece));
        if (got > 0) received.append(piece, static_cast<size_t>(got));
        return got == 0 || (got < 0 && gnutls_error_is_fatal(static_cast<int>(got)) != 0);
      }));
    }
    gnutls_deinit(session);
    return received;
  }
  std::optional<Server> server;

 private:
  uint16_t port_ = 0;
  gnutls_certificate_credentials_t credentials_ = nullptr;
};

TEST_F(TlsTest, SpeaksTls12And13) {
  for (const char* version : {"NORMAL:-VERS-ALL:+VERS-TLS1.2", "NORMAL:-VERS-ALL:+VERS-TLS1.3"}) {
    const std::string answer = exchange(version);
    EXPECT_EQ(answer.find("HTTP/1.1 200"), 0u) << version;
    EXPECT_TRUE(answer.ends_with("hello"));
  }
}

TEST_F(TlsTest, SpeaksNothingOlder) {
  EXPECT_EQ(exchange("LEGACY:-VERS-ALL:+VERS-TLS1.1:+VERS-TLS1.0:%COMPAT"), "");
}

TEST_F(TlsTest, EachSessionHasKeysOfItsOwn) {
  serve(self_signed(GNUTLS_PK_RSA, 2048));
  const std::string tls12 = "NORMAL:-VERS-ALL:+VERS-TLS1.2:-KX-ALL:";
  EXPECT_EQ(exchange((tls12 + "+RSA").c_str()), "");
  EXPECT_EQ(exchange((tls12 + "+DHE-RSA").c_str()), "");
  EXPECT_EQ(exchange((tls12 + "+ECDHE-RSA").c_str()).find("HTTP/1.1 200"), 0u);
  EXPECT_EQ(exchange("NORMAL:-VERS-ALL:+VERS-TLS1.3").find("HTTP/1.1 200"), 0u);
}

TEST_F(TlsTest, RefusesAKeyThatIsNotTheCertificates) {
  const Tls one = self_signed();
  const Tls other = self_signed();
  for (const Tls& wrong :
       {Tls{one.certificate, other.key}, Tls{"", ""}, Tls{one.key, one.key}, Tls{one.certificate, ""}}) {
    const auto refused = Server::listen({.socket = listen_tcp("127.0.0.1:0").value(), .tls = wrong},
                                        [](const Request&) { return Response{}; });
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().code, EINVAL);
    EXPECT_EQ(refused.error().text.find("TLS certificate and key: "), 0u);
  }
}

}  // namespace
}  // namespace npanel
