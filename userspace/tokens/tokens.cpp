// SPDX-License-Identifier: Apache-2.0
#include "tokens/tokens.h"

#include "base/clock.h"
#include "base/digest.h"
#include "daemon/log.h"

namespace npanel {
namespace {

// Never the hash: it is nobody's business.
Json said(const Token& token) {
  return {{"scope", token.scope == TokenScope::write ? "write" : "read"}};
}

Result<NewToken> make(const std::string& name, TokenScope scope) {
  NewToken made{.token = {.name = name, .scope = scope, .hash = {}, .created_ms = now_ms()},
                .text = "npt_" + name + "_" + NP_TRY(random_text())};
  made.token.hash = sha256_hex(made.text);
  return made;
}

}  // namespace

Result<Token> Tokens::named(const std::string& name) {
  for (Token& token : NP_TRY(list()))
    if (token.name == name) return std::move(token);
  return failure("there is no token \"" + name + "\"", ENOENT);
}

Result<NewToken> Tokens::create(const Caller& caller, const std::string& name, TokenScope scope) {
  if (named(name))
    return std::unexpected(Error{
        .text = "token \"" + name + "\" exists already; rotate it for a new secret", .code = EEXIST, .field = "name"});
  NewToken made = NP_TRY(make(name, scope));
  const Notes notes{.events = {}, .audit = {audit_entry(caller, "token.create", {}, name, nullptr, said(made.token))}};
  NP_TRY(ledger_.commit(caller, notes, [&](Store& store, const Notes& with) { return store.put(made.token, with); }));
  return made;
}

Result<NewToken> Tokens::rotate(const Caller& caller, const std::string& name) {
  const Token before = NP_TRY(named(name));
  NewToken made = NP_TRY(make(name, before.scope));
  const Notes notes{.events = {},
                    .audit = {audit_entry(caller, "token.rotate", {}, name, said(before), said(made.token))}};
  NP_TRY(ledger_.commit(caller, notes, [&](Store& store, const Notes& with) { return store.put(made.token, with); }));
  return made;
}

Result<void> Tokens::revoke(const Caller& caller, const std::string& name) {
  const Token before = NP_TRY(named(name));
  const Notes notes{.events = {}, .audit = {audit_entry(caller, "token.revoke", {}, name, said(before), nullptr)}};
  return ledger_.commit(caller, notes, [&](Store& store, const Notes& with) { return store.erase_token(name, with); });
}

std::optional<Token> Tokens::find(std::string_view text) {
  const auto tokens = list();
  if (!tokens) {
    log_error(tokens.error().text);
    return std::nullopt;
  }
  const std::string hash = sha256_hex(text);
  std::optional<Token> found;
  for (const Token& token : *tokens)  // all of them, whichever it is
    if (same_secret(hash, token.hash)) found = token;
  return found;
}

}  // namespace npanel
