// SPDX-License-Identifier: Apache-2.0
// config_address.h: which TCP address does api.listen name?
#pragma once

#include <sys/socket.h>

#include <optional>
#include <string_view>

namespace npanel {

// "127.0.0.1:8443" or "[::1]:8443", port 1 … 65535: names are not looked up. nullopt for anything else.
[[nodiscard]] std::optional<sockaddr_storage> parse_listen(std::string_view text);

// 127.0.0.0/8 or ::1: nobody but this host gets there.
[[nodiscard]] bool is_loopback(const sockaddr_storage& address);

}  // namespace npanel
