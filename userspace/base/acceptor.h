// SPDX-License-Identifier: Apache-2.0
// acceptor.h: whose connection is taken, and when?
#pragma once

#include <sys/socket.h>
#include <sys/types.h>

#include <cstddef>
#include <cstdint>
#include <optional>
#include <set>
#include <unordered_map>
#include <vector>

#include "base/result.h"
#include "base/unique_fd.h"

namespace npanel {

struct AcceptRules {
  size_t connections_most = 1024;                // at a time: who comes then waits in the backlog
  size_t connections_of_uid_most = 512;          // of one user over Unix sockets; root may have them all
  size_t kept_for_root = 0;                      // of connections_most, over Unix sockets: others are hung up on before
  std::optional<std::set<uid_t>> may_come = {};  // besides root, over Unix sockets; nullopt: whoever can connect
};

struct AcceptFigures {
  uint64_t strangers = 0;   // who may not come
  uint64_t over_share = 0;  // who had their share already, or wanted what is kept for root
  uint64_t shortages = 0;   // times that the process had no descriptor or no memory for one more
  size_t connections = 0;   // open now
};

struct Accepted {
  UniqueFd socket;                // non-blocking
  std::optional<uid_t> uid = {};  // of the other end of a Unix socket
  sockaddr_storage address = {};
  socklen_t address_bytes = sizeof(address);
};

// For a loop that watches epoll_fd(): a few connections a turn, so that those who connect without end cost everybody
// else a moment. Who is not taken is hung up on at once, or waits in the backlog, where they cost nothing.
class Acceptor {
 public:
  static constexpr size_t kAtOnce = 16;
  static Result<Acceptor> listen(std::vector<UniqueFd> sockets, AcceptRules rules);

  // Readable when accept() has something to do, unless there is no room.
  [[nodiscard]] int epoll_fd() const { return epoll_.get(); }
  // Milliseconds until accept() must be called though nothing came: after a shortage; nullopt: never.
  [[nodiscard]] std::optional<uint64_t> timeout_ms() const;
  [[nodiscard]] std::vector<Accepted> accept();
  // To be called once for each connection that accept() gave out.
  void ended(const std::optional<uid_t>& uid);

  // From here on new connections wait in the backlog for whoever listens next.
  void close();
  void set_may_come(std::set<uid_t> uids) { rules_.may_come = std::move(uids); }
  [[nodiscard]] AcceptFigures figures() const;

 private:
  struct Listener {
    UniqueFd socket;
    bool is_unix = false;
  };
  Acceptor(UniqueFd epoll, AcceptRules rules) : epoll_(std::move(epoll)), rules_(std::move(rules)) {}
  Result<void> add(UniqueFd socket);
  std::optional<Accepted> accept_one(const Listener& listener);
  bool is_welcome(const std::optional<uid_t>& uid);
  void listen_or_not();

  UniqueFd epoll_;
  AcceptRules rules_;
  std::vector<Listener> listeners_;
  std::unordered_map<uid_t, size_t> of_uid_;
  AcceptFigures figures_;
  int64_t rests_until_us_ = 0;
  bool listens_ = true;
};

}  // namespace npanel
