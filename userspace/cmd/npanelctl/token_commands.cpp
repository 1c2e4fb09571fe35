// SPDX-License-Identifier: Apache-2.0
#include <CLI/CLI.hpp>

#include "cmd/npanelctl/line.h"

namespace npanel {
namespace {

constexpr const char* kHint = "this token is shown only now; a client sends it as: Authorization: Bearer TOKEN";

std::string token_path(const std::string& name) {
  require_name(name, "a token's name");
  return "/api/v1/tokens/" + percent_encoded(name);
}

CLI::App* add(CLI::App& parent, Line& line, const char* command, const char* help) {
  return add_named(parent, line, command, help, "The token's name.");
}

void add_create(CLI::App& parent, Line& line) {
  CLI::App* app = add(parent, line, "create", "Makes a token and prints it, this once.");
  const auto store_scope = [&line](const std::string& scope) {
    if (scope != "read" && scope != "write")
      throw CLI::ValidationError("--scope must be read or write; got \"" + scope + "\"");
    line.body["scope"] = scope;
  };
  app->add_option_function<std::string>("--scope", store_scope,
                                        "With read, it may only look; with write, change too. It is read without it.")
      ->type_name("SCOPE");
  app->callback([&line] {
    line.body["name"] = line.name;
    line.body.emplace("scope", "read");
    ask(line, secret_view, {"POST", "/api/v1/tokens", dumped(line.body)}).hint = kHint;
  });
}

}  // namespace

void add_token(Line& line) {
  CLI::App* app = line.app.add_subcommand("token", "Gives others access to the API over TCP, and takes it away.");
  app->require_subcommand(1);
  app->add_subcommand("list", "Lists all tokens, without their texts.")->callback([&line] {
    ask(line, tokens_view, {"GET", "/api/v1/tokens", {}});
  });
  add_create(*app, line);
  add(*app, line, "rotate", "Gives the token a new text and prints it, this once; the old one ends.")
      ->callback([&line] { ask(line, secret_view, {"POST", token_path(line.name) + "/rotate", {}}).hint = kHint; });
  add(*app, line, "revoke", "Forgets the token.")->callback([&line] {
    ask(line, nullptr, {"DELETE", token_path(line.name), {}}, line.name + " revoked");
  });
}

}  // namespace npanel
