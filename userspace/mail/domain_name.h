// SPDX-License-Identifier: Apache-2.0
// domain_name.h: which domain does somebody mean, however it is written?
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace npanel {

// As DNS compares it: "Bücher.Example." is "xn--bcher-kva.example" (RFC 5890; UTF-8, mapped as UTS 46 says). nullopt:
// it is no domain (an empty or overlong label, more than 253 bytes, what IDNA forbids, a NUL).
[[nodiscard]] std::optional<std::string> canonical_domain(std::string_view text);

// A to Z in lower case, and nothing else changed: what is not ASCII has no case that everybody agrees on.
[[nodiscard]] std::string lower_ascii(std::string_view text);

}  // namespace npanel
