// SPDX-License-Identifier: Apache-2.0
#include "agent/tcp_listener.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <array>
#include <cstring>

#include "api/listen.h"
#include "base/file.h"
#include "base/local_file.h"
#include "base/parse.h"
#include "daemon/config_address.h"
#include "daemon/log.h"

namespace npanel {
namespace {

constexpr int64_t kAgainMs = 10'000;
constexpr unsigned kPlainMost = 1024;
constexpr unsigned kTlsMost = 256;  // a handshake takes a millisecond, and all of them may come at once
constexpr uint16_t kPrivilegedBelow = 1024;
constexpr const char* kUnprivilegedFrom = "/proc/sys/net/ipv4/ip_unprivileged_port_start";
constexpr const char* kSwitch = "systemctl enable npanel-api.socket && systemctl restart npanel-agent";

uint16_t port_of(const sockaddr_storage& address) {
  sockaddr_in v4{};  // an IPv6 address has its port at the same place
  std::memcpy(&v4, &address, sizeof(v4));
  return ntohs(v4.sin_port);
}

std::string shown(const sockaddr_storage& address) {
  std::array<char, INET6_ADDRSTRLEN> text{};
  const std::string port = ":" + std::to_string(port_of(address));
  if (address.ss_family == AF_INET6) {
    sockaddr_in6 v6{};
    std::memcpy(&v6, &address, sizeof(v6));
    return "[" + std::string(::inet_ntop(AF_INET6, &v6.sin6_addr, text.data(), text.size())) + "]" + port;
  }
  sockaddr_in v4{};
  std::memcpy(&v4, &address, sizeof(v4));
  return ::inet_ntop(AF_INET, &v4.sin_addr, text.data(), text.size()) + port;
}

Result<sockaddr_storage> address_of(const UniqueFd& socket) {
  sockaddr_storage address{};
  socklen_t bytes = sizeof(address);
  if (::getsockname(socket.get(), reinterpret_cast<sockaddr*>(&address), &bytes) != 0)
    return errno_failure("the address of systemd's socket", errno);
  return address;
}

// What an administrator can do about it.
std::string advice(int code) {
  switch (code) {
    case EADDRINUSE:
      return "; whoever listens there reads each token that is sent there, so revoke those that were: npanelctl token";
    case EACCES:
    case EAFNOSUPPORT:
      return std::string("; systemd can: ") + kSwitch;
    default:
      return "";
  }
}

}  // namespace

bool is_anybodys_port(uint16_t port, const std::string& sysctl) {
  const auto text = read_file_at(AT_FDCWD, sysctl);
  const auto from = text ? parse_u64(std::string_view(*text).substr(0, text->find('\n'))) : std::nullopt;
  return port >= from.value_or(kPrivilegedBelow);
}

TcpListener::TcpListener(const Config& config, std::vector<UniqueFd> held, Serve serve)
    : address_(config.listen),
      certificate_(config.tls_certificate),
      key_(config.tls_key),
      held_(std::move(held)),
      held_by_systemd_(!held_.empty()),
      serve_(std::move(serve)) {}

void TcpListener::look(int64_t now_ms) {
  if (!wanted() || open_ || now_ms < next_ms_) return;
  next_ms_ = now_ms + kAgainMs;
  const auto opened = open();
  open_ = opened.has_value();
  const std::string why_not = opened ? "" : opened.error().text + advice(opened.error().code);
  if (why_not == why_not_) return;
  why_not_ = why_not;
  if (open_)
    log_info("the API is open over TCP");
  else
    log_error("the API is not open over TCP: " + why_not_ + "; carrying on, and trying again");
}

Result<void> TcpListener::open() {
  if (held_by_systemd_) return serve_held();
  std::optional<Tls> tls = NP_TRY(read_tls());
  const unsigned most = tls ? kTlsMost : kPlainMost;
  return serve_({.socket = NP_TRY(listen_tcp(address_)), .tls = std::move(tls), .connections_most = most});
}

// One that was served is not tried again.
Result<void> TcpListener::serve_held() {
  while (!held_.empty()) {
    const sockaddr_storage address = NP_TRY(address_of(held_.back()));
    std::optional<Tls> tls = NP_TRY(read_tls());
    if (!tls && !is_loopback(address))
      return failure("npanel-api.socket listens at " + shown(address) +
                     ", which other hosts reach: api.tls_certificate and api.tls_key must be set");
    if (!address_.empty() && shown(address) != address_) other_address_ = shown(address);
    UniqueFd socket(::fcntl(held_.back().get(), F_DUPFD_CLOEXEC, 3));
    if (!socket.valid()) return errno_failure("take systemd's socket", errno);
    const unsigned most = tls ? kTlsMost : kPlainMost;
    NP_TRY(serve_({.socket = std::move(socket), .tls = std::move(tls), .connections_most = most}));
    held_.pop_back();
  }
  return {};
}

Result<std::optional<Tls>> TcpListener::read_tls() const {
  if (certificate_.empty()) return std::nullopt;
  return Tls{.certificate = NP_TRY(read_local(certificate_)), .key = NP_TRY(read_local(key_))};
}

std::optional<bool> TcpListener::is_open() const {
  if (!wanted()) return std::nullopt;
  return open_;
}

std::vector<std::string> TcpListener::complaints() const {
  std::vector<std::string> complaints;
  if (!why_not_.empty()) complaints.push_back("api: not open over TCP: " + why_not_);
  if (!other_address_.empty())
    complaints.push_back("api: api.listen is " + address_ + ", but npanel-api.socket listens at " + other_address_ +
                         ", and that counts");
  if (held_by_systemd_ || address_.empty() || !key_.empty()) return complaints;
  const auto address = parse_listen(address_);
  if (address && is_anybodys_port(port_of(*address), kUnprivilegedFrom))
    complaints.push_back("api: whenever the agent is down, any user can listen at " + address_ +
                         " and read the tokens that are sent there: " + kSwitch + " (npanel.toml(5), listen)");
  return complaints;
}

}  // namespace npanel
