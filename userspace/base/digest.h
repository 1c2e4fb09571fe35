// SPDX-License-Identifier: Apache-2.0
// digest.h: SHA-256, base64, random texts, and comparing secrets; GnuTLS does the work.
#pragma once

#include <string>
#include <string_view>

#include "base/result.h"

namespace npanel {

// 64 hexadecimal digits, lower case.
[[nodiscard]] std::string sha256_hex(std::string_view text);

// 256 random bits as 43 characters of base64url (RFC 4648, 5), without padding.
// EAGAIN: the kernel gives none now.
[[nodiscard]] Result<std::string> random_text();

// RFC 4648, 4, with padding.
[[nodiscard]] std::string base64(std::string_view bytes);

// Takes the same time wherever the texts differ.
[[nodiscard]] bool same_secret(std::string_view one, std::string_view other);

}  // namespace npanel
