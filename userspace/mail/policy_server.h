// SPDX-License-Identifier: Apache-2.0
// policy_server.h: how does the MTA's question come in, and the answer go out?
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "base/unique_fd.h"
#include "mail/policy_request.h"

namespace npanel {

// The action for one request, "DUNNO" or "452 4.7.1 …".
using PolicyDecider = std::function<std::string(const PolicyRequest&)>;

struct PolicyFigures {
  uint64_t requests = 0;
  uint64_t malformed = 0;   // closed without an answer, which Postfix and Exim take as a fault: their default holds
  uint64_t strangers = 0;   // connections by users that may not ask
  uint64_t over_share = 0;  // connections by a user who had as many as one may have
  size_t connections = 0;   // open now
};

// Non-blocking, for a loop that watches epoll_fd(). A connection may ask many times (Postfix keeps it); who has closed
// their side for writing gets the answers and is closed (Exim's ${readsocket}).
class PolicyServer {
 public:
  // Listening Unix sockets; `may_ask`: uids, root always may.
  static Result<PolicyServer> listen(std::vector<UniqueFd> sockets, std::set<uid_t> may_ask, PolicyDecider decide);
  PolicyServer(PolicyServer&&) noexcept;
  PolicyServer& operator=(PolicyServer&&) = delete;
  ~PolicyServer();

  [[nodiscard]] int epoll_fd() const;
  // One turn: a few of those who connect, a few questions of each. What is left keeps epoll_fd() readable.
  void run();
  // Milliseconds until run() must be called though nothing came; nullopt: never.
  [[nodiscard]] std::optional<uint64_t> timeout_ms() const;
  void set_may_ask(std::set<uid_t> may_ask);
  [[nodiscard]] PolicyFigures figures() const;
  // What was wrong with the last malformed request; empty once it was told.
  [[nodiscard]] std::string take_complaint();

 private:
  struct Connection;
  struct State;
  explicit PolicyServer(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace npanel
