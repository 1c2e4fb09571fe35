// SPDX-License-Identifier: Apache-2.0
// tokens.h: who may use the API over TCP?
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "api/route.h"
#include "core/ledger.h"
#include "model/token.h"

namespace npanel {

class Tokens {
 public:
  explicit Tokens(Ledger& ledger) : ledger_(ledger) {}

  [[nodiscard]] Result<std::vector<Token>> list() { return ledger_.store().tokens(); }
  // EEXIST (field "name"). The only time that the text is told.
  Result<NewToken> create(const Caller& caller, const std::string& name, TokenScope scope);
  // A new secret for the same name and scope; ENOENT.
  Result<NewToken> rotate(const Caller& caller, const std::string& name);
  Result<void> revoke(const Caller& caller, const std::string& name);  // ENOENT
  // Whose is the text that a client sent? Takes the same time for every wrong text.
  [[nodiscard]] std::optional<Token> find(std::string_view text);

 private:
  Result<Token> named(const std::string& name);
  Ledger& ledger_;
};

[[nodiscard]] std::vector<Route> token_routes(Tokens& tokens);

}  // namespace npanel
