// SPDX-License-Identifier: Apache-2.0
#include "cmd/npanelctl/commands.h"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <iostream>
#include <nlohmann/json.hpp>
#include <utility>

#include "cmd/npanelctl/detach.h"
#include "cmd/npanelctl/doctor.h"
#include "cmd/npanelctl/line.h"
#include "cmd/npanelctl/options.h"

namespace npanel {
namespace {

using nlohmann::json;

constexpr int kUsage = 2;
constexpr size_t kKeyMost = 64;
constexpr NumberOption kPid = {"PID", "/pid", "", Unit::kCount, 1, 4194304, false};
constexpr NumberOption kEventLimit = {
    "--limit",     "/limit", "How many events to show, the newest first; 100 without it.", Unit::kCount, 1,
    1'000'000'000, false};
constexpr uint64_t kEventsUsually = 100;

void add_smtp(Line& line) {
  CLI::App* app = add_named(line.app, line, "smtp", "Changes how many SMTP connections the account may open.");
  add_smtp_limit_options(*app, line.body);
  app->callback([app, &line] {
    require_name(line.name);
    require_options(*app, line);
    ask(line, account_view, {"POST", account_path(line.name) + "/smtp", dumped(line.body)});
  });
}

void add_process(Line& line) {
  CLI::App* app = line.app.add_subcommand("process", "Puts processes into an account and lists those in it.");
  app->require_subcommand(1);
  CLI::App* add = add_named(*app, line, "add", "Puts running processes into the account.");
  add->add_option("PID", line.pids, "The processes' ids.")->required()->type_name("");
  add->callback([&line] {
    require_name(line.name);
    for (const std::string& pid : line.pids)
      ask(line, nullptr,
          {"POST", account_path(line.name) + "/processes", dumped(json::object({{"pid", number_value(kPid, pid)}}))},
          "process " + pid + " added to " + line.name);
  });
  add_plain(*app, line, "list", "Lists the ids of the account's processes, one a line.", "GET", "/processes",
            pids_view);
}

void add_stats(Line& line) {
  CLI::App* app = line.app.add_subcommand("stats", "Shows what one account or all accounts use.");
  const CLI::Option* name =
      app->add_option("NAME", line.name, "The account's name; without it, all accounts.")->type_name("");
  app->callback([&line, name] {
    if (name->empty()) {
      ask_for_pages(line, stats_view, "/api/v1/stats", {.list = "stats", .goes_on = "after"});
    } else {
      require_name(line.name);
      ask(line, stats_view, {"GET", account_path(line.name) + "/stats", {}});
    }
  });
}

void add_events(Line& line) {
  CLI::App* app = line.app.add_subcommand("events", "Shows what happened to the accounts, the newest first.");
  const CLI::Option* name =
      app->add_option("--account", line.name, "The account whose events to show; without it, all.")->type_name("NAME");
  add_number_option(*app, kEventLimit, line.body);
  app->callback([&line, name] {
    std::string path = "/api/v1/events";
    if (!name->empty()) {
      require_name(line.name);
      path += "?account=" + percent_encoded(line.name);
    }
    ask_for_pages(line, events_view, path,
                  {.list = "events", .goes_on = "below", .most = line.body.value("limit", kEventsUsually)});
  });
}

void add_about_agent(Line& line) {
  const auto add = [&line](const char* command, const char* help, View view, const char* path) {
    line.app.add_subcommand(command, help)->callback([&line, view, path] { ask(line, view, {"GET", path, {}}); });
  };
  add("status", "Shows what the agent runs on and how its work goes.", status_view, "/api/v1/status");
  add("health", "Says whether the agent has all it needs, and if not, what is missing.", health_view, "/healthz");
  line.app.add_subcommand("reload", "Lets the agent read its configuration again.")->callback([&line] {
    ask(line, reload_view, {"POST", "/api/v1/reload", {}});
  });
  add("metrics", "Prints the agent's metrics in Prometheus' text format.", nullptr, "/metrics");
  line.app
      .add_subcommand("doctor",
                      "Says which limits this kernel can enforce and what stands in for the others; works "
                      "without the agent.")
      ->callback([&line] { line.command.work = [](const Command& command) { return run_doctor(command.json); }; });
  CLI::App* detach = line.app.add_subcommand(
      "detach",
      "Emergency: stops the agent and its watchdog and takes every hook and limit out of the kernel; accounts stay in "
      "the database. Works without the agent.");
  detach->add_flag("--yes", line.command.sure, "Do it; without it, only what would be done is said.");
  detach->callback(
      [&line] { line.command.work = [](const Command& command) { return run_detach(command.sure, command.json); }; });
}

void add_failures(Line& line) {
  CLI::App* app = line.app.add_subcommand(
      "failures",
      "Shows the agent's deaths and hangs, the newest first, and how it came back; --json has the log lines.");
  add_number_option(*app, {"--limit", "/limit", "How many to show; 20 without it.", Unit::kCount, 1, 1000, false},
                    line.body);
  app->callback([&line] {
    const std::string query = line.body.contains("limit") ? "?limit=" + line.body["limit"].dump() : "";
    ask(line, failures_view, {"GET", "/api/v1/failures" + query, {}});
  });
}

// The watchdog has a socket of its own, so that it answers when the agent does not.
void add_watchdog(Line& line) {
  line.app.add_subcommand("watchdog", "Shows what the watchdog knows of the agent; works while the agent is dead.")
      ->callback([&line] {
        if (line.app.count("--socket") == 0) line.command.socket = "/run/npanel/watchdog.sock";
        ask(line, watchdog_view, {"GET", "/status", {}});
      });
}

void require_key(const std::string& key) {
  const bool printable_ascii = std::ranges::all_of(key, [](char c) { return c > ' ' && c <= '~'; });
  if (key.empty() || key.size() > kKeyMost || !printable_ascii)
    throw CLI::ValidationError("--idempotency-key must be 1 to 64 printable ASCII characters without a space; got \"" +
                               key + '"');
}

// One key is one change.
void send_key(const std::string& key, std::vector<Errand>& errands) {
  if (key.empty()) return;
  if (errands.size() != 1 || errands[0].request.method == "GET")
    throw CLI::ValidationError("--idempotency-key goes with one change; this is " +
                               (errands.size() > 1 ? std::to_string(errands.size()) : std::string("none")));
  errands[0].request.headers.emplace_back("Idempotency-Key", key);
}

void add_everything(Line& line) {
  const auto store_socket = [&line](const std::string& path) {
    if (path.empty()) throw CLI::ValidationError("--socket must be the path of the agent's unix socket; got \"\"");
    line.command.socket = path;
  };
  const auto store_key = [&line](const std::string& key) {
    require_key(key);
    line.idempotency_key = key;
  };
  line.app.require_subcommand(1);
  line.app.fallthrough();  // --json and --socket may also follow the command
  line.app.set_version_flag("--version", NPANEL_VERSION, "Prints the version and exits.");
  line.app.set_help_flag("-h,--help", "Prints this help and exits.");
  line.app.add_option_function<std::string>("--socket", store_socket, "The agent's unix socket.")
      ->type_name("PATH")
      ->default_str(line.command.socket);
  line.app.add_flag("--json", line.command.json, "Prints the agent's JSON as it came, errors too.");
  line.app
      .add_option_function<std::string>("--idempotency-key", store_key,
                                        "Repeated within 24 hours with the same key, a change is not made twice.")
      ->type_name("KEY");
  add_account(line);
  add_accounts(line);
  add_smtp(line);
  add_process(line);
  add_stats(line);
  add_events(line);
  add_jobs(line);
  add_feature(line);
  add_mail(line);
  add_token(line);
  add_about_agent(line);
  add_failures(line);
  add_audit(line);
  add_watchdog(line);
  add_config(line);
}

// CLI11 asks for a command when it got one that it does not know; this names what was not understood instead.
std::string complaint(const CLI::App& app, const CLI::Error& wrong) {
  const auto kind = static_cast<CLI::ExitCodes>(wrong.get_exit_code());
  if (kind == CLI::ExitCodes::ValidationError) return wrong.what();
  const auto rest = app.remaining(true);
  const bool unknown = kind == CLI::ExitCodes::ExtrasError || kind == CLI::ExitCodes::RequiredError;
  const std::string text =
      unknown && !rest.empty() ? "not understood: " + CLI::detail::join(rest, " ") : std::string(wrong.what());
  return text + "; --help tells what is possible";
}

}  // namespace

std::expected<Command, int> parse_command_line(int argc, char** argv) {
  Line line;
  try {
    add_everything(line);
    line.app.parse(argc, argv);
    send_key(line.idempotency_key, line.command.errands);
  } catch (const CLI::Success& asked) {  // help, version
    return std::unexpected(line.app.exit(asked));
  } catch (const CLI::Error& wrong) {
    std::cerr << "npanelctl: " << complaint(line.app, wrong) << '\n';
    return std::unexpected(kUsage);
  }
  return std::move(line.command);
}

}  // namespace npanel
