// SPDX-License-Identifier: Apache-2.0
// tcp_listener.h: is the API open over TCP, and if not, why?
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "api/server.h"
#include "base/unique_fd.h"
#include "daemon/config.h"

namespace npanel {

// What listens at api.listen, or what systemd holds for us (npanel-api.socket), which counts more. What does not
// succeed is told and tried again; nobody who has taken the port ends the agent.
class TcpListener {
 public:
  using Serve = std::function<Result<void>(Listening)>;
  TcpListener(const Config& config, std::vector<UniqueFd> held, Serve serve);

  // To be called now and then; `now_ms` is CLOCK_MONOTONIC.
  void look(int64_t now_ms);
  // nullopt: nobody wants it.
  [[nodiscard]] std::optional<bool> is_open() const;
  [[nodiscard]] std::vector<std::string> complaints() const;

 private:
  Result<void> open();
  Result<std::optional<Tls>> read_tls() const;
  Result<void> serve_held();
  [[nodiscard]] bool wanted() const { return !address_.empty() || held_by_systemd_; }

  std::string address_;
  std::string certificate_;
  std::string key_;
  std::vector<UniqueFd> held_;
  bool held_by_systemd_;
  Serve serve_;
  bool open_ = false;
  int64_t next_ms_ = 0;
  std::string why_not_;
  std::string other_address_;  // that systemd has, where api.listen names another one
};

// Can a user who is not root listen at this port while nobody else does (ip_unprivileged_port_start)?
[[nodiscard]] bool is_anybodys_port(uint16_t port, const std::string& sysctl);

}  // namespace npanel
