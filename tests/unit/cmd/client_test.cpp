// SPDX-License-Identifier: Apache-2.0
#include "cmd/npanelctl/client.h"

#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <cstring>
#include <thread>

#include "base/unique_fd.h"
#include "support/temp_dir.h"

namespace npanel {
namespace {

// Answers one request, and keeps it.
class ClientTest : public testing::Test {
 protected:
  void serve(const std::string& answer) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    std::memcpy(address.sun_path, path_.c_str(), path_.size() + 1);
    ASSERT_EQ(::bind(listener_.get(), reinterpret_cast<const sockaddr*>(&address), sizeof(address)), 0);
    ASSERT_EQ(::listen(listener_.get(), 1), 0);
    server_ = std::jthread([this, answer] {
      const UniqueFd connection(::accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC));
      char bytes[4096];
      while (!request_.ends_with("\r\n\r\n") && !request_.ends_with("}")) {
        const ssize_t got = ::recv(connection.get(), bytes, sizeof(bytes), 0);
        if (got <= 0) break;
        request_.append(bytes, static_cast<size_t>(got));
      }
      ::send(connection.get(), answer.data(), answer.size(), MSG_NOSIGNAL);
    });
  }

  Result<Response> ask(const Request& request) {
    auto response = send(path_, request);
    server_.join();
    return response;
  }

  bool asked_with(const std::string& line) const { return request_.find("\r\n" + line + "\r\n") != std::string::npos; }

  TempDir dir_;
  std::string path_ = dir_.path("agent.sock");
  UniqueFd listener_{::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0)};
  std::string request_;
  std::jthread server_;
};

TEST_F(ClientTest, SaysWhoItIs) {
  serve("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}");
  EXPECT_EQ(ask({"GET", "/healthz", {}})->body, "{}");
  EXPECT_TRUE(request_.starts_with("GET /healthz HTTP/1.1\r\n"));
  EXPECT_TRUE(asked_with("User-Agent: npanelctl/" NPANEL_VERSION)) << request_;
}

TEST_F(ClientTest, SendsTheHeadersOfTheRequestBesidesItsOwn) {
  serve("HTTP/1.1 204 No Content\r\n\r\n");
  EXPECT_EQ(ask({"PATCH", "/x", R"({"a":1})", {{"If-Match", "\"7\""}, {"Idempotency-Key", "k"}}})->status, 204);
  EXPECT_TRUE(asked_with("If-Match: \"7\"")) << request_;
  EXPECT_TRUE(asked_with("Idempotency-Key: k")) << request_;
  EXPECT_TRUE(asked_with("Content-Type: application/json")) << request_;
  EXPECT_TRUE(request_.ends_with("\r\n\r\n{\"a\":1}")) << request_;
}

TEST_F(ClientTest, RefusalBringsTheIdOfItsRequest) {
  serve("HTTP/1.1 404 Not Found\r\nx-request-id: 7f3a\r\nContent-Length: 2\r\n\r\n{}");
  const auto response = ask({"GET", "/x", {}});
  EXPECT_EQ(response->status, 404);
  EXPECT_EQ(response->request_id, "7f3a");
  EXPECT_FALSE(response->succeeded());
}

TEST_F(ClientTest, AnswerWithoutAnIdHasNone) {
  serve("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
  EXPECT_EQ(ask({"GET", "/x", {}})->request_id, "");
}

TEST_F(ClientTest, NobodyThereIsAnErrorThatSaysWhatToDo) {
  const auto response = send(path_, {"GET", "/x", {}});
  ASSERT_FALSE(response);
  EXPECT_NE(response.error().text.find(path_), std::string::npos);
  EXPECT_NE(response.error().text.find("systemctl start npanel-agent"), std::string::npos);
}

}  // namespace
}  // namespace npanel
