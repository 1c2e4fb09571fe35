// SPDX-License-Identifier: Apache-2.0
// connection_opener.h: whose process opened this connection to the MTA?
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "npanel/identity.h"

namespace npanel {

struct Opener {
  std::optional<uint32_t> slot;  // of the account; nullopt: a process of this host that no account owns
  uid_t uid = 0;
};

// Both ends as the MTA tells them; nullopt when one is no address, or a port is 0.
[[nodiscard]] std::optional<np_connection> parse_connection(const std::string& client_address, uint16_t client_port,
                                                            const std::string& server_address, uint16_t server_port);

// The kernel notes it at connect(), before the first packet, and keeps the newest NP_OPENERS connections of this
// network namespace. So it is known when the socket is closed, reset or an orphan, and after the agent was started
// anew.
class ConnectionOpeners {
 public:
  struct Options {
    int cgroup_fd;                // the cgroup v2 root
    int account_level;            // depth of an account's cgroup below it
    std::string pin_dir;          // that of SmtpPrograms, whose maps say who is whose: after it
    std::vector<uint16_t> ports;  // at most NP_SMTP_PORTS
    uint16_t redirect_port = 0;   // of the local MTA; 0: none
  };
  static Result<ConnectionOpeners> attach(const Options& options);
  ConnectionOpeners(ConnectionOpeners&&) noexcept;
  ConnectionOpeners& operator=(ConnectionOpeners&&) noexcept;
  ~ConnectionOpeners();

  // nullopt: no process of this host, or it was long ago. A slot that another account has now is nobody's.
  [[nodiscard]] std::optional<Opener> find(const np_connection& connection) const;
  // The functions of the kernel are watched; else each step of a TCP connection is, which costs more.
  [[nodiscard]] bool by_function() const;

  // What its cost is measured by (kernel/cost.h).
  [[nodiscard]] std::vector<int> program_fds() const;
  [[nodiscard]] std::vector<int> map_fds() const;

 private:
  struct Attached;
  explicit ConnectionOpeners(std::unique_ptr<Attached> attached);
  std::unique_ptr<Attached> attached_;
};

}  // namespace npanel
