// SPDX-License-Identifier: Apache-2.0
// contact.h: who owns an account, and which language do they read?
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"

namespace npanel {

struct Contact {
  std::optional<std::string> email = {};     // nullopt: the mailbox of the system user of the account's name
  std::optional<std::string> language = {};  // nullopt: the server's

  bool operator==(const Contact&) const = default;
};

// local@domain of RFC 5321 without quoted local parts and address literals, in ASCII, at most 254 characters: nothing
// that a mailer or a header could read as something else.
[[nodiscard]] bool is_email(std::string_view text);
// "de", "pt-BR": a language and perhaps a region of BCP 47. Never a path.
[[nodiscard]] bool is_language(std::string_view text);
// Field "contact.email", "contact.language".
[[nodiscard]] Result<void> check(const Contact& contact);

}  // namespace npanel
