// SPDX-License-Identifier: Apache-2.0
#include <CLI/CLI.hpp>
#include <limits>

#include "cmd/npanelctl/follow.h"
#include "cmd/npanelctl/line.h"
#include "cmd/npanelctl/options.h"

namespace npanel {
namespace {

constexpr NumberOption kJob = {"ID", "", "", Unit::kCount, 1, std::numeric_limits<int64_t>::max(), false};

void add_start(Line& line, const char* command, const char* help) {
  CLI::App* app = line.app.add_subcommand(command, help);
  add_no_wait(*app, line);
  app->callback([&line, command] { ask_for_job(line, {"POST", std::string("/api/v1/") + command, {}}); });
}

CLI::App* add_numbered(CLI::App& parent, Line& line, const char* command, const char* help) {
  CLI::App* app = parent.add_subcommand(command, help);
  app->add_option("ID", line.value, "The job's id.")->required()->type_name("");
  return app;
}

Request job_request(const Line& line, const char* method = "GET", const char* below = "") {
  return {method, job_path(number_value(kJob, line.value).dump()) + below, {}};
}

}  // namespace

void add_jobs(Line& line) {
  add_start(line, "apply", "Compares every account with the kernel now, and puts right what differs.");
  add_start(line, "backup", "Backs up the agent's database now.");
  CLI::App* app = line.app.add_subcommand("job", "Shows what takes longer, follows it and ends it.");
  app->require_subcommand(1);
  app->add_subcommand("list", "Lists the jobs, the newest first.")->callback([&line] {
    ask(line, jobs_view, {"GET", "/api/v1/jobs", {}});
  });
  add_numbered(*app, line, "show", "Shows one job with its log.")->callback([&line] {
    ask(line, job_view, job_request(line));
  });
  add_numbered(*app, line, "cancel", "Ends the job; what it has done stays done.")->callback([&line] {
    ask(line, job_view, job_request(line, "POST", "/cancel"));
  });
  add_numbered(*app, line, "follow", "Shows how far the job is until it has ended.")->callback([&line] {
    ask_for_job(line, job_request(line));
  });
}

}  // namespace npanel
