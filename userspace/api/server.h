// SPDX-License-Identifier: Apache-2.0
// server.h: how do requests come in from a socket and answers go out, in somebody else's event loop?
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "api/message.h"
#include "base/acceptor.h"
#include "base/result.h"
#include "base/unique_fd.h"

struct MHD_Daemon;

namespace npanel {

// PEM texts.
struct Tls {
  std::string certificate;  // with the chain behind it
  std::string key;
};

struct Listening {
  UniqueFd socket;  // listens: Unix or TCP; only over a Unix socket Request::uid is known
  std::optional<Tls> tls = {};
  unsigned connections_most = 1024;  // whoever comes then waits in the socket's backlog; of one user half of them
  // Each of: sending the headers, sending the body, taking the answer, asking again on a kept connection. Who needs
  // longer is cut off, however steadily the bytes trickle.
  std::chrono::milliseconds patience = std::chrono::seconds(15);
};

class Server {
 public:
  struct Shared;  // what the library's callbacks point to
  Server(Server&&) noexcept;
  ~Server();
  // EINVAL: the certificate and the key cannot be read, or are not of each other.
  static Result<Server> listen(Listening listening, Answerer answer);

  // Readable when there is work: call run(), which does one turn of it: a few of those who connect, and of each user
  // what takes a few milliseconds.
  [[nodiscard]] int epoll_fd() const;
  void run();
  // Milliseconds until run() must be called though nothing came (a connection times out); nullopt: never.
  [[nodiscard]] std::optional<uint64_t> timeout_ms() const;

  // From here on new connections wait in the socket's backlog for whoever listens next.
  void stop_accepting();
  // Are there requests that are not answered yet, or connections so new that theirs is on its way? Who has connected
  // and sent nothing for half a second keeps nobody waiting.
  [[nodiscard]] bool busy() const;
  [[nodiscard]] AcceptFigures figures() const;

 private:
  struct Stop {
    void operator()(MHD_Daemon* daemon) const;
  };
  Server(std::unique_ptr<Shared> shared, MHD_Daemon* daemon);
  void accept_some();
  std::unique_ptr<Shared> shared_;
  std::unique_ptr<MHD_Daemon, Stop> daemon_;
};

}  // namespace npanel
