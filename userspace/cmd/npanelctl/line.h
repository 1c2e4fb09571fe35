// SPDX-License-Identifier: Apache-2.0
// line.h: what do the commands share while one command line is read?
#pragma once

#include <CLI/App.hpp>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "cmd/npanelctl/commands.h"

namespace npanel {

// One command of the line runs, so all of them fill in the same values.
struct Line {
  CLI::App app{
      "npanelctl speaks to npanel-agent, which keeps the accounts of a shared-hosting server in their limits."};
  std::string name;
  std::vector<std::string> pids;
  nlohmann::json body = nlohmann::json::object();
  Command command;
};

// These two throw CLI::ValidationError, as options.h does.
void require_name(const std::string& name);
void require_options(const CLI::App& app, const Line& line);

[[nodiscard]] std::string account_path(const std::string& name);
[[nodiscard]] std::string dumped(const nlohmann::json& body);

void ask(Line& line, View view, Request request, std::string done = {});

// A command that takes an account's name, and one that takes nothing else; `below` is its path below the account.
CLI::App* add_named(CLI::App& parent, Line& line, const char* command, const char* help);
void add_plain(CLI::App& parent, Line& line, const char* command, const char* help, const char* method,
               const char* below, View view);

void add_account(Line& line);  // npanelctl account …

}  // namespace npanel
