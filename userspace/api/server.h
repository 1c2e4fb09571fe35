// SPDX-License-Identifier: Apache-2.0
// server.h: how do requests come in from a socket and answers go out, in somebody else's event loop?
#pragma once

#include <cstdint>
#include <memory>
#include <optional>

#include "api/message.h"
#include "base/result.h"
#include "base/unique_fd.h"

struct MHD_Daemon;

namespace npanel {

class Server {
 public:
  struct Shared;  // what the library's callbacks point to
  Server(Server&&) noexcept;
  ~Server();
  // Takes over a listening stream socket.
  static Result<Server> listen(UniqueFd socket, Answerer answer);

  // Readable when there is work: call run().
  [[nodiscard]] int epoll_fd() const;
  void run();
  // Milliseconds until run() must be called though nothing came (a connection times out); nullopt: never.
  [[nodiscard]] std::optional<uint64_t> timeout_ms() const;

  // From here on new connections wait in the socket's backlog for whoever listens next.
  void stop_accepting();
  // Are there connections whose request is not answered yet?
  [[nodiscard]] bool busy() const;

 private:
  struct Stop {
    void operator()(MHD_Daemon* daemon) const;
  };
  Server(std::unique_ptr<Shared> shared, MHD_Daemon* daemon);
  std::unique_ptr<Shared> shared_;
  std::unique_ptr<MHD_Daemon, Stop> daemon_;
};

// A listening Unix socket, mode 0660 and group `group` when there is one. A stale socket file is replaced.
[[nodiscard]] Result<UniqueFd> listen_unix(const std::string& path, const std::string& group);

}  // namespace npanel
