// SPDX-License-Identifier: Apache-2.0
#include "cmd/npanelctl/line.h"

#include <CLI/CLI.hpp>
#include <utility>

namespace npanel {

using nlohmann::json;

// A server may decode %2F before it looks for the route, so a slash is refused here already.
void require_name(const std::string& name) {
  if (name.empty() || name.find('/') != std::string::npos)
    throw CLI::ValidationError("NAME must be an account's name, of a-z 0-9 _ and -; got \"" + name + "\"");
}

std::string account_path(const std::string& name) {
  return "/api/v1/accounts/" + percent_encoded(name);
}

// A name that is not UTF-8 is sent with replacement characters, for the agent to refuse.
std::string dumped(const json& body) {
  return body.dump(-1, ' ', false, json::error_handler_t::replace);
}

void ask(Line& line, View view, Request request, std::string done) {
  line.command.view = view;
  line.command.errands.push_back({.request = std::move(request), .done = std::move(done)});
}

void require_options(const CLI::App& app, const Line& line) {
  if (line.body.empty())
    throw CLI::ValidationError(app.get_name() + " needs at least one option that says what to change");
}

CLI::App* add_named(CLI::App& parent, Line& line, const char* command, const char* help) {
  CLI::App* app = parent.add_subcommand(command, help);
  app->add_option("NAME", line.name, "The account's name.")->required()->type_name("");
  return app;
}

void add_plain(CLI::App& parent, Line& line, const char* command, const char* help, const char* method,
               const char* below, View view) {
  add_named(parent, line, command, help)->callback([&line, method, below, view] {
    require_name(line.name);
    ask(line, view, {method, account_path(line.name) + below, {}});
  });
}

}  // namespace npanel
