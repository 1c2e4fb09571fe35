// SPDX-License-Identifier: Apache-2.0
#include "daemon/self_check.h"

#include <gtest/gtest.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <array>
#include <cstring>

#include "support/temp_dir.h"

namespace npanel {
namespace {

using Silent = std::vector<std::string>;

// A server that does only what the test says.
class Server {
 public:
  explicit Server(const std::string& path, int backlog = 8) : socket_(::socket(AF_UNIX, SOCK_STREAM, 0)) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    std::memcpy(address.sun_path, path.c_str(), path.size() + 1);
    EXPECT_EQ(::bind(socket_.get(), reinterpret_cast<sockaddr*>(&address), sizeof(address)), 0);
    EXPECT_EQ(::listen(socket_.get(), backlog), 0);
  }
  // The question that came.
  std::string answer(const std::string& text) {
    client_ = UniqueFd(::accept(socket_.get(), nullptr, nullptr));
    std::array<char, 256> question{};
    const ssize_t bytes = ::recv(client_.get(), question.data(), question.size(), 0);
    EXPECT_EQ(::send(client_.get(), text.data(), text.size(), MSG_NOSIGNAL), static_cast<ssize_t>(text.size()));
    return {question.data(), static_cast<size_t>(std::max<ssize_t>(bytes, 0))};
  }
  void pass_over() const { const UniqueFd gone(::accept(socket_.get(), nullptr, nullptr)); }
  void say(const std::string& text) { ::send(client_.get(), text.data(), text.size(), MSG_NOSIGNAL); }
  void hang_up() { client_ = UniqueFd(); }

 private:
  UniqueFd socket_;
  UniqueFd client_;
};

class SelfCheckTest : public testing::Test {
 protected:
  bool is_readable() const {
    pollfd watched{.fd = check_.epoll_fd(), .events = POLLIN, .revents = 0};
    return ::poll(&watched, 1, 0) == 1;
  }
  const TempDir dir_;
  const std::string path_ = dir_.path("a.sock");
  SelfCheck check_ = SelfCheck::make({{.socket = path_, .question = "how?\n", .answer = "well"}}).value();
};

TEST_F(SelfCheckTest, WhoAnswersIsNotSilent) {
  Server server(path_);
  EXPECT_EQ(check_.begin(), Silent{}) << "nobody has been asked yet";
  EXPECT_FALSE(is_readable());
  EXPECT_EQ(server.answer("we"), "how?\n");
  EXPECT_TRUE(is_readable());
  check_.run();
  EXPECT_FALSE(is_readable()) << "half an answer is read, and waited for";
  server.say("ll, and you?");
  check_.run();
  EXPECT_EQ(check_.begin(), Silent{});
  EXPECT_EQ(check_.begin(), Silent{path_}) << "each round has an answer of its own";
}

TEST_F(SelfCheckTest, WhoSaysNothingSomethingElseOrHangsUpIsSilent) {
  Server server(path_);
  check_.begin();
  EXPECT_EQ(check_.begin(), Silent{path_});
  server.pass_over();  // of the round before
  server.answer("ill");
  check_.run();
  EXPECT_FALSE(is_readable()) << "a wrong answer does not wake anybody up for ever";
  EXPECT_EQ(check_.begin(), Silent{path_});
  server.answer("we");
  server.hang_up();
  check_.run();
  check_.run();
  EXPECT_FALSE(is_readable());
  EXPECT_EQ(check_.begin(), Silent{path_});
  EXPECT_TRUE(check_.missing().empty());
}

TEST_F(SelfCheckTest, ABacklogThatNobodyEmptiesIsSilence) {
  Server server(path_, 0);
  for (int i = 0; i < 8; ++i) check_.begin();
  std::vector<UniqueFd> waiting;
  SelfCheck other =
      SelfCheck::make(std::vector<SelfCheck::Way>(8, {.socket = path_, .question = "?", .answer = "!"})).value();
  other.begin();
  check_.begin();
  EXPECT_EQ(check_.begin(), Silent{path_});
  EXPECT_TRUE(check_.missing().empty());
}

TEST_F(SelfCheckTest, APathWithoutAListenerIsMissingAndNotSilent) {
  check_.begin();
  EXPECT_EQ(check_.begin(), Silent{});
  EXPECT_EQ(check_.missing(), Silent{path_});
  Server server(path_);
  check_.begin();
  server.answer("well");
  check_.run();
  EXPECT_EQ(check_.begin(), Silent{});
  EXPECT_TRUE(check_.missing().empty());
}

TEST_F(SelfCheckTest, APathMustFitIntoAnAddress) {
  EXPECT_FALSE(SelfCheck::make({{.socket = std::string(108, 'x'), .question = {}, .answer = {}}}));
  EXPECT_FALSE(SelfCheck::make({{.socket = "", .question = {}, .answer = {}}}));
}

}  // namespace
}  // namespace npanel
