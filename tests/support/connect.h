// SPDX-License-Identifier: Apache-2.0
// connect.h: does this connect() pass?
#pragma once

#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>

#include "base/unique_fd.h"

namespace npanel {

struct Destination {
  const char* address;
  uint16_t port;
  int type = SOCK_STREAM;
};

inline sockaddr_storage address_of(const Destination& to, socklen_t& length) {
  sockaddr_storage storage{};
  if (std::strchr(to.address, ':')) {
    auto& v6 = reinterpret_cast<sockaddr_in6&>(storage);
    v6.sin6_family = AF_INET6;
    v6.sin6_port = htons(to.port);
    ::inet_pton(AF_INET6, to.address, &v6.sin6_addr);
    length = sizeof(v6);
  } else {
    auto& v4 = reinterpret_cast<sockaddr_in&>(storage);
    v4.sin_family = AF_INET;
    v4.sin_port = htons(to.port);
    ::inet_pton(AF_INET, to.address, &v4.sin_addr);
    length = sizeof(v4);
  }
  return storage;
}

// errno of one connect(), 0 when it was made.
inline int connect_once(const Destination& to) {
  socklen_t length = 0;
  const sockaddr_storage address = address_of(to, length);
  const UniqueFd socket(::socket(address.ss_family, to.type | SOCK_CLOEXEC, 0));
  return ::connect(socket.get(), reinterpret_cast<const sockaddr*>(&address), length) == 0 ? 0 : errno;
}

class Listener {
 public:
  explicit Listener(uint16_t port) : socket_(::socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    const int on = 1;
    ::setsockopt(socket_.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
    ::setsockopt(socket_.get(), IPPROTO_TCP, TCP_FASTOPEN, &kBacklog, sizeof(kBacklog));
    socklen_t length = 0;
    const sockaddr_storage any = address_of({"::", port}, length);
    if (::bind(socket_.get(), reinterpret_cast<const sockaddr*>(&any), length) != 0 ||
        ::listen(socket_.get(), kBacklog) != 0)
      std::abort();
  }

 private:
  static constexpr int kBacklog = 1024;
  UniqueFd socket_;
};

}  // namespace npanel
