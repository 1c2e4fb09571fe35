// SPDX-License-Identifier: Apache-2.0
#include "mail/policy_server.h"

#include <gtest/gtest.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>

#include "support/temp_dir.h"

namespace npanel {
namespace {

constexpr const char* kQuestion = "request=smtpd_access_policy\nsender=bob@example.com\n\n";
constexpr const char* kAnswer = "action=DUNNO\n\n";

sockaddr_un address_of(const std::string& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  path.copy(address.sun_path, sizeof(address.sun_path) - 1);
  return address;
}

class PolicyServerTest : public testing::Test {
 protected:
  void SetUp() override { serve({::geteuid()}); }

  void serve(std::set<uid_t> may_ask) {
    UniqueFd socket(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));  // blocking, as systemd's
    const sockaddr_un address = address_of(path_);
    ::unlink(path_.c_str());
    ASSERT_EQ(::bind(socket.get(), reinterpret_cast<const sockaddr*>(&address), sizeof(address)), 0);
    ASSERT_EQ(::listen(socket.get(), 256), 0);
    std::vector<UniqueFd> sockets;
    sockets.push_back(std::move(socket));
    auto server = PolicyServer::listen(std::move(sockets), std::move(may_ask), [this](const PolicyRequest& request) {
      asked_.push_back(request);
      return action_;
    });
    ASSERT_TRUE(server);
    server_.emplace(std::move(*server));
  }

  UniqueFd connect() {
    UniqueFd client(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
    const sockaddr_un address = address_of(path_);
    EXPECT_EQ(::connect(client.get(), reinterpret_cast<const sockaddr*>(&address), sizeof(address)), 0);
    server_->run();
    return client;
  }
  void send(const UniqueFd& client, std::string_view text) {
    EXPECT_EQ(::send(client.get(), text.data(), text.size(), MSG_NOSIGNAL), static_cast<ssize_t>(text.size()));
    server_->run();
  }
  // What has come; "closed" when the server has hung up and nothing came.
  static std::string hear(const UniqueFd& client) {
    char bytes[65536];
    const ssize_t got = ::recv(client.get(), bytes, sizeof(bytes), MSG_DONTWAIT);
    if (got == 0 || (got < 0 && errno == ECONNRESET)) return "closed";
    return got < 0 ? "" : std::string(bytes, static_cast<size_t>(got));
  }

  const TempDir dir_;
  const std::string path_ = dir_.path("policy.sock");
  std::vector<PolicyRequest> asked_;
  std::string action_ = "DUNNO";
  std::optional<PolicyServer> server_;
};

TEST_F(PolicyServerTest, AnswersAQuestionAndStaysForTheNext) {
  const UniqueFd client = connect();
  for (int i = 0; i < 3; ++i) {
    send(client, kQuestion);
    EXPECT_EQ(hear(client), kAnswer);
  }
  EXPECT_EQ(asked_.size(), 3U);
  EXPECT_EQ(asked_[0].sender, "bob@example.com");
  EXPECT_EQ(server_->figures().connections, 1U);
}

TEST_F(PolicyServerTest, PutsTogetherWhatComesInPieces) {
  const UniqueFd client = connect();
  for (const char* byte = kQuestion; *byte; ++byte) send(client, {byte, 1});
  EXPECT_EQ(hear(client), kAnswer);
}

TEST_F(PolicyServerTest, AnswersAllThatComeAtOnce) {
  const UniqueFd client = connect();
  send(client, std::string(kQuestion) + kQuestion + kQuestion);
  EXPECT_EQ(hear(client), std::string(kAnswer) + kAnswer + kAnswer);
}

TEST_F(PolicyServerTest, HangsUpOnWhoAsksNoMoreWithTheAnswerSent) {
  const UniqueFd client = connect();
  send(client, kQuestion);
  ::shutdown(client.get(), SHUT_WR);
  server_->run();
  EXPECT_EQ(hear(client), kAnswer);
  EXPECT_EQ(hear(client), "closed");
  EXPECT_EQ(server_->figures().connections, 0U);
}

TEST_F(PolicyServerTest, ClosesWithoutAnAnswerWhatItDoesNotUnderstandAndSaysWhatItWas) {
  const UniqueFd client = connect();
  send(client, "request=smtpd_access_policy\nno attribute\n\n");
  EXPECT_EQ(hear(client), "closed");
  EXPECT_EQ(server_->figures().malformed, 1U);
  EXPECT_EQ(server_->take_complaint(), "request must be lines of name=value");
  EXPECT_EQ(server_->take_complaint(), "");
}

TEST_F(PolicyServerTest, ClosesOnAQuestionWithoutEnd) {
  const UniqueFd client = connect();
  send(client, std::string(10000, 'x'));
  send(client, std::string(10000, 'x'));
  EXPECT_EQ(hear(client), "closed");
  EXPECT_EQ(server_->figures().malformed, 1U);
}

TEST_F(PolicyServerTest, ClosesOnAQuestionThatIsCutShort) {
  const UniqueFd client = connect();
  send(client, "request=smtpd_acc");
  ::shutdown(client.get(), SHUT_WR);
  server_->run();
  EXPECT_EQ(hear(client), "closed");
}

TEST_F(PolicyServerTest, ClientThatLeavesDisturbsNobody) {
  {
    const UniqueFd gone = connect();
    send(gone, kQuestion);
  }
  server_->run();
  const UniqueFd client = connect();
  send(client, kQuestion);
  EXPECT_EQ(hear(client), kAnswer);
}

TEST_F(PolicyServerTest, ClientThatDoesNotReadIsNotReadFromAndGetsAllInTheEnd) {
  action_ = "452 4.7.1 " + std::string(2000, 'x');
  const UniqueFd client = connect();
  const std::string question = kQuestion;
  size_t sent = 0;
  for (int i = 0; i < 5000; ++i) {
    const ssize_t bytes = ::send(client.get(), question.data(), question.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
    if (bytes < 0) break;
    sent += static_cast<size_t>(bytes);
    server_->run();
  }
  std::string heard;
  for (int i = 0; i < 20000; ++i) {
    const std::string more = hear(client);
    if (more == "closed") break;
    heard += more;
    server_->run();
    if (heard.size() >= sent / question.size() * (action_.size() + 9)) break;
  }
  EXPECT_LT(asked_.size(), 5000U) << "the server did not ask for more than was taken";
  EXPECT_GE(heard.size(), asked_.size() * (action_.size() + 9) - 1);
}

TEST_F(PolicyServerTest, AnswersAFewQuestionsOfOneClientATurnAndAllInTheEnd) {
  const UniqueFd busy = connect();
  std::string many;
  for (int i = 0; i < 300; ++i) many += kQuestion;
  EXPECT_EQ(::send(busy.get(), many.data(), many.size(), MSG_NOSIGNAL), static_cast<ssize_t>(many.size()));
  const UniqueFd other = connect();
  const auto before = static_cast<std::ptrdiff_t>(asked_.size());
  send(other, "request=smtpd_access_policy\nsender=ann@example.com\n\n");
  const auto others = std::ranges::find(asked_, "ann@example.com", &PolicyRequest::sender);
  EXPECT_LE(others - asked_.begin() - before, 50) << "the others' turn comes after a few";
  EXPECT_EQ(hear(other), kAnswer);
  ::shutdown(busy.get(), SHUT_WR);
  std::string heard;
  pollfd waiting{.fd = server_->epoll_fd(), .events = POLLIN, .revents = 0};
  while (::poll(&waiting, 1, 0) == 1) {
    server_->run();
    heard += hear(busy);
  }
  EXPECT_EQ(asked_.size(), 301U);
  EXPECT_EQ(heard.size(), 300 * std::string_view(kAnswer).size());
  EXPECT_EQ(hear(busy), "closed");
}

TEST_F(PolicyServerTest, TakesAFewATurnOfThoseWhoConnectWithoutEnd) {
  std::vector<UniqueFd> clients;
  const sockaddr_un address = address_of(path_);
  for (int i = 0; i < 200; ++i) {
    clients.emplace_back(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
    ASSERT_EQ(::connect(clients.back().get(), reinterpret_cast<const sockaddr*>(&address), sizeof(address)), 0);
  }
  const auto taken = [this] { return server_->figures().connections + server_->figures().strangers; };
  server_->run();
  EXPECT_LE(taken(), 64U);
  EXPECT_FALSE(server_->timeout_ms());
}

TEST_F(PolicyServerTest, RootAlwaysMayAskAndStrangersMayNot) {
  if (::geteuid() != 0) {
    serve({});
    const UniqueFd client = connect();
    EXPECT_EQ(hear(client), "closed");
    EXPECT_EQ(server_->figures().strangers, 1U);
    return;
  }
  serve({});
  const UniqueFd client = connect();
  send(client, kQuestion);
  EXPECT_EQ(hear(client), kAnswer);
}

}  // namespace
}  // namespace npanel
