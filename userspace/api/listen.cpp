// SPDX-License-Identifier: Apache-2.0
#include "api/listen.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include <algorithm>
#include <cstring>
#include <limits>

#include "base/local_names.h"
#include "base/parse.h"

namespace npanel {
namespace {

Result<UniqueFd> stream_socket(int family) {
  UniqueFd socket(::socket(family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!socket.valid()) return errno_failure("socket", errno);
  return socket;
}

struct Endpoint {
  sockaddr_storage address{};
  socklen_t bytes = 0;
};

template <class Address>
Endpoint endpoint_of(const Address& address) {
  Endpoint endpoint{.bytes = sizeof(address)};
  std::memcpy(&endpoint.address, &address, sizeof(address));
  return endpoint;
}

Result<Endpoint> parse_endpoint(const std::string& text) {
  const auto colon = std::min(text.rfind(':'), text.size());
  const auto port = parse_u64(std::string_view(text).substr(std::min(colon + 1, text.size())));
  const std::string host = text.substr(0, colon);
  if (port && *port <= std::numeric_limits<in_port_t>::max()) {
    const in_port_t wire_port = htons(static_cast<in_port_t>(*port));
    sockaddr_in v4{.sin_family = AF_INET, .sin_port = wire_port, .sin_addr = {}, .sin_zero = {}};
    if (::inet_pton(AF_INET, host.c_str(), &v4.sin_addr) == 1) return endpoint_of(v4);
    sockaddr_in6 v6{};
    v6.sin6_family = AF_INET6;
    v6.sin6_port = wire_port;
    const bool brackets = host.starts_with('[') && host.ends_with(']');
    if (brackets && ::inet_pton(AF_INET6, host.substr(1, host.size() - 2).c_str(), &v6.sin6_addr) == 1)
      return endpoint_of(v6);
  }
  return failure("must be an address and a port, 127.0.0.1:8443 or [::1]:8443; got " + text, EINVAL);
}

}  // namespace

Result<UniqueFd> listen_unix(const std::string& path, const std::string& group) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.empty() || path.size() >= sizeof(address.sun_path))
    return failure("socket path must be 1 to 107 bytes long: " + path, EINVAL);
  std::memcpy(address.sun_path, path.c_str(), path.size() + 1);
  const auto* name = reinterpret_cast<const sockaddr*>(&address);
  // Somebody who answers is another agent: two would undo each other's work.
  const UniqueFd probe = NP_TRY(stream_socket(AF_UNIX));
  if (::connect(probe.get(), name, sizeof(address)) == 0)
    return failure("another agent listens on " + path, EADDRINUSE);
  ::unlink(path.c_str());
  UniqueFd socket = NP_TRY(stream_socket(AF_UNIX));
  const mode_t before = ::umask(0177);
  const bool bound = ::bind(socket.get(), name, sizeof(address)) == 0;
  const int bind_error = errno;
  ::umask(before);
  if (!bound) return errno_failure("bind " + path, bind_error);
  const auto members = group.empty() ? std::nullopt : local_gid(group);
  if (members && (::chown(path.c_str(), 0, *members) != 0 || ::chmod(path.c_str(), 0660) != 0))
    return errno_failure("give " + path + " to group " + group, errno);
  if (::listen(socket.get(), SOMAXCONN) != 0) return errno_failure("listen on " + path, errno);
  return socket;
}

std::optional<std::string> why_not_for_group(const std::string& path, const std::string& group,
                                             const char* group_file) {
  constexpr const char* kThen =
      ": its members cannot use the API; systemctl restart npanel-agent.socket npanel-agent.service";
  constexpr mode_t kMembers = S_IRGRP | S_IWGRP;
  struct stat status{};
  if (group.empty() || ::stat(path.c_str(), &status) != 0) return std::nullopt;
  const auto members = local_gid(group, group_file);
  if (!members) return "there is no group " + group + " any more (groupadd --system " + group + ")" + kThen;
  if (status.st_gid == *members && (status.st_mode & kMembers) == kMembers) return std::nullopt;
  return path + " is not for the group " + group + ", gid " + std::to_string(*members) + ", but for gid " +
         std::to_string(status.st_gid) + kThen;
}

Result<UniqueFd> listen_tcp(const std::string& address) {
  const Endpoint endpoint = NP_TRY(parse_endpoint(address));
  UniqueFd socket = NP_TRY(stream_socket(endpoint.address.ss_family));
  // A port whose last connections are still being forgotten is free; an IPv6 socket must not take the IPv4 port, too.
  const int on = 1;
  if (::setsockopt(socket.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) != 0 ||
      (endpoint.address.ss_family == AF_INET6 &&
       ::setsockopt(socket.get(), IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof(on)) != 0))
    return errno_failure("setsockopt for " + address, errno);
  if (::bind(socket.get(), reinterpret_cast<const sockaddr*>(&endpoint.address), endpoint.bytes) != 0)
    return errno_failure("bind " + address, errno);
  if (::listen(socket.get(), SOMAXCONN) != 0) return errno_failure("listen on " + address, errno);
  return socket;
}

}  // namespace npanel
