// SPDX-License-Identifier: Apache-2.0
// token.h: who may use the API over TCP, and for what?
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"

namespace npanel {

enum class TokenScope { read, write };  // write includes read

// The secret is shown once, when it is made; only its SHA-256 is kept (it has 256 random bits: no salt, no slow hash).
struct Token {
  std::string name;  // as parse_token_name() takes it
  TokenScope scope = TokenScope::read;
  std::string hash;  // SHA-256 of the whole text "npt_<name>_<43 characters base64url>", 64 hexadecimal digits
  int64_t created_ms = 0;

  bool operator==(const Token&) const = default;
};

// Has it the form of Token::hash's text? Then it is a secret, wherever it stands.
[[nodiscard]] bool is_token_text(std::string_view text);
// `[a-z_][a-z0-9_-]{0,31}`. The error's field is "name".
[[nodiscard]] Result<std::string> parse_token_name(std::string_view name);

// Caller::actor of whoever has it, and whose answers are kept (IdempotentReply::client).
[[nodiscard]] inline std::string actor_of_token(const std::string& name) {
  return "token " + name;
}

struct NewToken {
  Token token;
  std::string text;  // what the client sends: Authorization: Bearer npt_…
};

}  // namespace npanel
