// SPDX-License-Identifier: Apache-2.0
#include "watchdog/health_check.h"

#include <gtest/gtest.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <chrono>
#include <cstring>
#include <thread>

#include "support/temp_dir.h"

namespace npanel {
namespace {

constexpr int64_t kTimeoutMs = 200;

int64_t now_us() {
  return std::chrono::duration_cast<std::chrono::microseconds>(std::chrono::steady_clock::now().time_since_epoch())
      .count();
}

// A listening socket in a directory of its own.
class HealthCheckTest : public testing::Test {
 protected:
  void listen() {
    listener_ = UniqueFd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    std::memcpy(address.sun_path, path_.c_str(), path_.size() + 1);
    ASSERT_EQ(::bind(listener_.get(), reinterpret_cast<const sockaddr*>(&address), sizeof(address)), 0);
    ASSERT_EQ(::listen(listener_.get(), 8), 0);
  }

  // Answers the first connection with the first text, and so on; "" is silence. All stay open.
  void serve(std::vector<std::string> answers) {
    listen();
    server_ = std::jthread([this, answers = std::move(answers)] {
      for (const std::string& answer : answers) {
        connections_.emplace_back(::accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC));
        char request[256];
        const ssize_t got = ::recv(connections_.back().get(), request, sizeof(request), 0);
        requests_.emplace_back(request, static_cast<size_t>(std::max<ssize_t>(got, 0)));
        ::send(connections_.back().get(), answer.data(), answer.size(), MSG_NOSIGNAL);
      }
    });
  }

  static HealthCheck::Answer wait(HealthCheck& check) {
    for (;;) {
      if (const auto answer = check.run(now_us())) return *answer;
      pollfd waiting{.fd = check.epoll_fd(), .events = POLLIN, .revents = 0};
      ::poll(&waiting, 1, static_cast<int>(check.timeout_ms(now_us()).value_or(1000)));
    }
  }

  HealthCheck begin() {
    HealthCheck check = HealthCheck::make(path_, kTimeoutMs).value();
    check.begin(now_us());
    return check;
  }

  TempDir dir_;
  std::string path_ = dir_.path("agent.sock");
  UniqueFd listener_;
  std::vector<UniqueFd> connections_;
  std::vector<std::string> requests_;
  std::jthread server_;
};

TEST_F(HealthCheckTest, AnswerWithStatus200IsHealthy) {
  serve({"HTTP/1.1 200 OK\r\n\r\n{}"});
  HealthCheck check = begin();
  EXPECT_EQ(wait(check).why, std::nullopt);
  server_.join();
  EXPECT_TRUE(requests_.at(0).starts_with("GET /healthz HTTP/1.1\r\n"));
  EXPECT_EQ(check.run(now_us()), std::nullopt) << "it ends once";
}

TEST_F(HealthCheckTest, SilenceIsAHangWhenTheTimeIsOverAndNotTwiceAfterIt) {
  listen();
  HealthCheck check = begin();
  const auto answer = wait(check);
  EXPECT_EQ(answer.why, "no answer within 200 ms");
  EXPECT_GE(answer.latency_us, kTimeoutMs * 1000);
  EXPECT_LT(answer.latency_us, kTimeoutMs * 2000);
}

TEST_F(HealthCheckTest, RetryHasAConnectionOfItsOwn) {
  serve({"", "HTTP/1.1 200 OK\r\n\r\n"});
  HealthCheck check = begin();
  const auto answer = wait(check);
  EXPECT_EQ(answer.why, std::nullopt);
  EXPECT_GE(answer.latency_us, kTimeoutMs * 500) << "the second one came after half the time";
}

TEST_F(HealthCheckTest, RefusedTwiceIsToldBeforeTheTimeIsOver) {
  HealthCheck check = begin();
  const auto answer = wait(check);
  EXPECT_EQ(answer.why, "connect to " + path_ + ": No such file or directory");
  EXPECT_LT(answer.latency_us, kTimeoutMs * 1000);
}

TEST_F(HealthCheckTest, OtherStatusTwiceIsNotHealthyAndIsNamed) {
  const std::string unwell = "HTTP/1.1 503 Service Unavailable\r\n\r\n";
  serve({unwell, unwell});
  HealthCheck check = begin();
  EXPECT_EQ(wait(check).why, "/healthz answered: HTTP/1.1 503 Service Unavailable");
}

TEST_F(HealthCheckTest, OneBadAnswerIsForgivenByTheRetry) {
  serve({"HTTP/1.1 503 Service Unavailable\r\n\r\n", "HTTP/1.1 200 OK\r\n\r\n"});
  HealthCheck check = begin();
  EXPECT_EQ(wait(check).why, std::nullopt);
}

TEST_F(HealthCheckTest, NewCheckForgetsTheOneBefore) {
  serve({"", "HTTP/1.1 200 OK\r\n\r\n"});
  HealthCheck check = begin();
  check.begin(now_us());
  const auto answer = wait(check);
  EXPECT_EQ(answer.why, std::nullopt);
  EXPECT_LT(answer.latency_us, kTimeoutMs * 500);
}

std::string answer_with(const std::string& body, const std::string& length = "Content-Length") {
  return "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n" + length + ": " + std::to_string(body.size()) +
         "\r\n\r\n" + body;
}

TEST_F(HealthCheckTest, AnswerSaysTheMode) {
  serve({answer_with(R"({"status":"ok","reasons":[],"watchdog":"enforce"})", "content-length")});
  HealthCheck check = begin();
  EXPECT_EQ(wait(check).mode, FeatureMode::enforce);
}

TEST_F(HealthCheckTest, AnswerThatDoesNotSayTheModeIsHealthyAllTheSame) {
  for (const char* body : {"", "{}", "[]", "{\"watchdog\":", R"({"watchdog":"on"})", R"({"watchdog":null})",
                           R"({"watchdog":2})", R"("watchdog")"}) {
    serve({answer_with(body)});
    HealthCheck check = begin();
    const auto answer = wait(check);
    EXPECT_EQ(answer.why, std::nullopt) << body;
    EXPECT_EQ(answer.mode, std::nullopt) << body;
    server_.join();
    std::filesystem::remove(path_);
  }
}

TEST_F(HealthCheckTest, ModeInAnAnswerOfManyPiecesIsFound) {
  listen();
  HealthCheck check = begin();
  const UniqueFd connection(::accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC));
  const std::string body =
      R"({"status":"degraded","reasons":[")" + std::string(9000, 'x') + R"("],"watchdog":"observe"})";
  const std::string text = answer_with(body);
  for (size_t sent = 0; sent < text.size(); sent += 3000) {
    EXPECT_EQ(check.run(now_us()), std::nullopt) << "all of it is waited for";
    const std::string piece = text.substr(sent, 3000);
    ASSERT_EQ(::send(connection.get(), piece.data(), piece.size(), MSG_NOSIGNAL), static_cast<ssize_t>(piece.size()));
  }
  EXPECT_EQ(wait(check).mode, FeatureMode::observe);
}

TEST_F(HealthCheckTest, AnswerThatIsCutOffIsHealthyWithoutAMode) {
  listen();
  HealthCheck check = begin();
  UniqueFd connection(::accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC));
  const std::string half = answer_with(R"({"watchdog":"enforce"})").substr(0, 80);
  ::send(connection.get(), half.data(), half.size(), MSG_NOSIGNAL);
  connection = UniqueFd();
  const auto answer = wait(check);
  EXPECT_EQ(answer.why, std::nullopt);
  EXPECT_EQ(answer.mode, std::nullopt);
}

TEST_F(HealthCheckTest, AnswerThatStaysHalfIsHealthyWhenTheTimeIsOver) {
  const std::string half = answer_with(R"({"watchdog":"enforce"})").substr(0, 80);
  serve({half, half});
  HealthCheck check = begin();
  const auto answer = wait(check);
  EXPECT_EQ(answer.why, std::nullopt);
  EXPECT_EQ(answer.mode, std::nullopt);
}

}  // namespace
}  // namespace npanel
