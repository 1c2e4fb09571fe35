// SPDX-License-Identifier: Apache-2.0
#include "cmd/npanelctl/detach.h"

#include <unistd.h>

#include <chrono>
#include <iostream>
#include <nlohmann/json.hpp>
#include <thread>

#include "cmd/npanelctl/format.h"
#include "daemon/config_load.h"
#include "kernel/detach.h"
#include "systemd/unit.h"

namespace npanel {
namespace {

constexpr int kUsage = 2;
constexpr auto kStopWithin = std::chrono::seconds(10);
// The watchdog first: it would bring the agent back. The sockets before the service: a client would start it.
constexpr const char* kUnits[] = {"npanel-watchdog.service", "npanel-agent.socket", "npanel-policy.socket",
                                  "npanel-api.socket", "npanel-agent.service"};

int complain(const std::string& text, int exit_code) {
  std::cerr << "npanelctl: " << printable(text) << '\n';
  return exit_code;
}

Result<void> stop_service(Systemd& systemd, const std::string& unit) {
  using Clock = std::chrono::steady_clock;
  if (!NP_TRY(systemd.stop(unit)) || unit.ends_with(".socket")) return {};
  for (const auto deadline = Clock::now() + kStopWithin; Clock::now() < deadline;
       std::this_thread::sleep_for(std::chrono::milliseconds(50))) {
    const auto activity = NP_TRY(systemd.state(unit)).activity;
    if (activity == UnitState::Activity::stopped || activity == UnitState::Activity::failed) return {};
  }
  return failure(unit + " is still stopping");
}

// Where systemd does not run there is nothing to stop.
void stop_units(std::vector<std::string>& problems) {
  if (::access("/run/systemd/system", F_OK) != 0) return;
  auto systemd = Systemd::connect();
  if (!systemd) {
    problems.push_back(systemd.error().text + "; the units were not stopped");
    return;
  }
  for (const char* unit : kUnits)
    if (const auto stopped = stop_service(*systemd, unit); !stopped) problems.push_back(stopped.error().text);
}

void print(const Detached& done, bool json) {
  if (json) {
    std::cout << nlohmann::ordered_json{{"hooks", done.hooks},
                                        {"maps", done.maps},
                                        {"cgroups_removed", done.removed},
                                        {"cgroups_without_limits", done.unlimited},
                                        {"problems", done.problems}}
                     .dump(-1, ' ', false, nlohmann::json::error_handler_t::replace)
              << '\n';
    return;
  }
  std::cout << "npanel-watchdog and npanel-agent are stopped\n"
            << done.hooks << " hooks detached and " << done.maps << " maps removed: SMTP is not limited any more\n"
            << done.removed << " empty cgroups removed, " << done.unlimited
            << " with processes stay, without limits and thawed\n"
            << "accounts are still in the database; limits come back with: systemctl start npanel-agent "
               "npanel-watchdog\n";
}

}  // namespace

int run_detach(bool sure, bool json) {
  if (!sure)
    return complain(
        "detach stops npanel-agent and npanel-watchdog, removes the SMTP hooks and lifts the limits of every account "
        "(suspended ones run again); accounts stay in the database. If that is what you want: npanelctl detach --yes",
        kUsage);
  if (::geteuid() != 0) return complain("detach needs root", kUsage);
  Config config;
  if (auto loaded = load_config({}))
    config = std::move(loaded->config);
  else
    complain(loaded.error().text + "; going on with the built-in paths", 0);
  std::vector<std::string> problems;
  stop_units(problems);
  Detached done = detach_all(config.cgroup_mount, config.cgroup_path, config.pin_dir);
  done.problems.insert(done.problems.begin(), problems.begin(), problems.end());
  print(done, json);
  for (const std::string& problem : done.problems) complain(problem, 0);
  return done.problems.empty() ? 0 : 1;
}

}  // namespace npanel
