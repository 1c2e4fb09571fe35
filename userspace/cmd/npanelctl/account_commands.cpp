// SPDX-License-Identifier: Apache-2.0
#include "cmd/npanelctl/line.h"
#include "cmd/npanelctl/options.h"

namespace npanel {
namespace {

constexpr const char* kLostPath = "/api/v1/lost-accounts";
constexpr uint64_t kGraceUsually = 10;
constexpr NumberOption kGrace = {
    "--grace", "/grace_seconds", "The seconds from SIGTERM to SIGKILL; 10 without it.", Unit::kCount, 0, 600, false};

void add_delete(CLI::App& parent, Line& line) {
  add_named(parent, line, "delete", "Kills the account's processes and forgets the account.")->callback([&line] {
    require_name(line.name);
    ask(line, dying_view, {"DELETE", account_path(line.name), {}}, line.name + " deleted");
  });
}

void add_create(CLI::App& parent, Line& line) {
  CLI::App* app = add_named(parent, line, "create", "Creates an account with the limits that are given.");
  add_uid_option(*app, line.body,
                 "The user whose processes belong to the account, none for nobody's; without it, the system user of "
                 "that name, as soon as there is one.");
  add_limit_options(*app, line.body);
  add_smtp_options(*app, line.body);
  add_mail_options(*app, line.body);
  add_contact_options(*app, line.body);
  app->callback([&line] {
    line.body["name"] = line.name;
    ask(line, account_view, {"POST", "/api/v1/accounts", dumped(line.body)});
  });
}

void add_set(CLI::App& parent, Line& line) {
  CLI::App* app = add_named(parent, line, "set", "Changes what is given and keeps the rest.");
  add_rename_option(*app, line.body);
  add_uid_option(*app, line.body, "The user whose processes belong to the account, or none.");
  add_limit_options(*app, line.body);
  add_mail_options(*app, line.body);
  add_contact_options(*app, line.body);
  app->callback([app, &line] {
    require_name(line.name);
    require_options(*app, line);
    ask(line, account_view, {"PATCH", account_path(line.name), dumped(line.body)});
  });
}

void add_drain(CLI::App& parent, Line& line) {
  CLI::App* app = add_named(parent, line, "drain",
                            "Ends every process of the account: asks them with SIGTERM, and kills what is left.");
  add_number_option(*app, kGrace, line.body);
  add_no_wait(*app, line);
  app->callback([&line] {
    require_name(line.name);
    line.body.emplace("grace_seconds", kGraceUsually);
    ask_for_job(line, {"POST", account_path(line.name) + "/drain", dumped(line.body)});
  });
}

}  // namespace

void add_account(Line& line) {
  CLI::App* app = line.app.add_subcommand("account", "Creates, shows, changes, drains and deletes accounts.");
  app->require_subcommand(1);
  add_create(*app, line);
  app->add_subcommand("list", "Lists all accounts with their limits.")->callback([&line] {
    ask_for_pages(line, accounts_view, "/api/v1/accounts", {.list = "accounts", .goes_on = "after"});
  });
  add_plain(*app, line, "show", "Shows one account with its limits.", "GET", "", account_view);
  add_set(*app, line);
  add_plain(*app, line, "suspend", "Freezes the account's processes.", "POST", "/suspend", account_view);
  add_plain(*app, line, "resume", "Lets a suspended account's processes run again.", "POST", "/resume", account_view);
  add_drain(*app, line);
  add_delete(*app, line);
}

void add_accounts(Line& line) {
  CLI::App* app =
      line.app.add_subcommand("accounts", "Shows and settles what a damaged database has lost of accounts.");
  app->require_subcommand(1);
  app->add_subcommand("lost",
                      "Shows what was lost, what was done about it, and what the kernel holds beside the database.")
      ->callback([&line] { ask(line, lost_view, {"GET", kLostPath, {}}); });
  add_named(*app, line, "adopt", "Takes an account into the database as the kernel holds it.")->callback([&line] {
    require_name(line.name);
    ask(line, account_view, {"POST", std::string(kLostPath) + "/" + line.name + "/adopt", {}});
  });
  app->add_subcommand("confirm", "Says that the accounts are right: what the kernel holds beside them is nobody's.")
      ->callback([&line] { ask(line, lost_view, {"POST", std::string(kLostPath) + "/confirm", {}}); });
}

}  // namespace npanel
