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
  std::string account;  // where `name` is a feature's
  std::string value;
  std::vector<std::string> pids;
  bool no_wait = false;
  std::string idempotency_key;
  nlohmann::json body = nlohmann::json::object();
  Command command;
};

// These two throw CLI::ValidationError, as options.h does.
void require_name(const std::string& name, const char* what = "an account's name");
void require_options(const CLI::App& app, const Line& line);

[[nodiscard]] std::string account_path(const std::string& name);
[[nodiscard]] std::string dumped(const nlohmann::json& body);

// The errand may be completed until the next one is added.
Errand& ask(Line& line, View view, Request request, std::string done = {});
void ask_for_pages(Line& line, View view, std::string path, const Paging& paging);
// A job is followed, unless --no-wait says that its id is enough.
void ask_for_job(Line& line, Request request);
void add_no_wait(CLI::App& app, Line& line);

// A command that takes a name, and one that takes an account's and nothing else; `below` is its path below the account.
CLI::App* add_named(CLI::App& parent, Line& line, const char* command, const char* help,
                    const char* what = "The account's name.");
void add_plain(CLI::App& parent, Line& line, const char* command, const char* help, const char* method,
               const char* below, View view);

void add_account(Line& line);   // npanelctl account …
void add_accounts(Line& line);  // npanelctl accounts …
void add_feature(Line& line);   // npanelctl feature …
void add_jobs(Line& line);      // npanelctl apply, backup and job …
void add_token(Line& line);     // npanelctl token …
void add_audit(Line& line);     // npanelctl audit …
void add_mail(Line& line);      // npanelctl mail …
void add_config(Line& line);    // npanelctl config …

}  // namespace npanel
