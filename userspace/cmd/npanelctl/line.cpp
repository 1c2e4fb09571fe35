// SPDX-License-Identifier: Apache-2.0
#include "cmd/npanelctl/line.h"

#include <CLI/CLI.hpp>
#include <utility>

namespace npanel {

using nlohmann::json;

// A server may decode %2F before it looks for the route, so a slash is refused here already.
void require_name(const std::string& name, const char* what) {
  if (name.empty() || name.find('/') != std::string::npos)
    throw CLI::ValidationError(std::string("NAME must be ") + what + ", of letters, digits, _ - and .; got \"" + name +
                               "\"");
}

std::string account_path(const std::string& name) {
  return "/api/v1/accounts/" + percent_encoded(name);
}

// A name that is not UTF-8 is sent with replacement characters, for the agent to refuse.
std::string dumped(const json& body) {
  return body.dump(-1, ' ', false, json::error_handler_t::replace);
}

Errand& ask(Line& line, View view, Request request, std::string done) {
  line.command.view = view;
  return line.command.errands.emplace_back(Errand{.request = std::move(request), .done = std::move(done)});
}

void ask_for_pages(Line& line, View view, std::string path, const Paging& paging) {
  ask(line, view, {"GET", std::move(path), {}}).paging = paging;
}

void ask_for_job(Line& line, Request request) {
  line.command.follow = !line.no_wait;
  ask(line, job_id_view, std::move(request));
}

void add_no_wait(CLI::App& app, Line& line) {
  app.add_flag("--no-wait", line.no_wait, "Prints the job's id instead of following it.");
}

void require_options(const CLI::App& app, const Line& line) {
  if (line.body.empty())
    throw CLI::ValidationError(app.get_name() + " needs at least one option that says what to change");
}

CLI::App* add_named(CLI::App& parent, Line& line, const char* command, const char* help, const char* what) {
  CLI::App* app = parent.add_subcommand(command, help);
  app->add_option("NAME", line.name, what)->required()->type_name("");
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
