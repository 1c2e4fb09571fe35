// SPDX-License-Identifier: Apache-2.0
#include "watchdog/watchdog.h"

#include <malloc.h>

#include <chrono>

#include "api/codec.h"
#include "api/problem.h"
#include "base/clock.h"
#include "daemon/log.h"
#include "metrics/watchdog_metrics.h"
#include "systemd/journal.h"
#include "watchdog/memory_file.h"

namespace npanel {
namespace {

constexpr const char* kService = "npanel-agent.service";
constexpr const char* kSocket = "npanel-agent.socket";
constexpr const char* kPolicySocket = "npanel-policy.socket";
constexpr const char* kApiSocket = "npanel-api.socket";
constexpr size_t kLogLines = 100;
constexpr auto kTick = std::chrono::milliseconds(250);

Moment now() {
  return {.steady_ms = steady_us() / 1000, .unix_ms = now_ms()};
}

}  // namespace

Watchdog::Watchdog(const Config& config, std::string version, Systemd systemd, HealthCheck check, FailureLog failures)
    : version_(std::move(version)),
      memory_path_(config.watchdog_memory()),
      rules_{.interval_ms = static_cast<int64_t>(config.watchdog_interval_s) * 1000,
             .restarts_per_hour = static_cast<int>(config.watchdog_restarts_per_hour)},
      systemd_(std::move(systemd)),
      check_(std::move(check)),
      failures_(std::move(failures)),
      recovery_(rules_, read_memory(memory_path_)),
      remembered_(recovery_.memory()) {}

Result<std::unique_ptr<Watchdog>> Watchdog::start(const Config& config, std::string version) {
  Systemd systemd = NP_TRY(Systemd::connect());
  HealthCheck check = NP_TRY(HealthCheck::make(config.socket, static_cast<int64_t>(config.watchdog_timeout_s) * 1000));
  FailureLog failures = NP_TRY(FailureLog::open(config.failure_directory()));
  return std::unique_ptr<Watchdog>(
      new Watchdog(config, std::move(version), std::move(systemd), std::move(check), std::move(failures)));
}

Result<void> Watchdog::attach(EventLoop& loop) {
  NP_TRY(systemd_.watch(kService, [this] { changed_ = true; }));
  const auto on_bus = [this, &loop] {
    if (const auto dispatched = systemd_.dispatch(); !dispatched) {
      log_error(dispatched.error().text + "; ending, to be started again");
      loop.stop();
    } else if (std::exchange(changed_, false)) {
      look();
    }
  };
  NP_TRY(loop.on_readable_or_late(systemd_.fd(), on_bus, [this] { return systemd_.timeout_ms(); }));
  NP_TRY(loop.on_readable_or_late(
      check_.epoll_fd(), [this] { take_answer(); }, [this] { return check_.timeout_ms(steady_us()); }));
  NP_TRY(loop.every(kTick, [this] { tick(); }));
  look();
  return {};
}

void Watchdog::look() {
  looked_ms_ = now().steady_ms;
  const auto state = systemd_.state(kService);
  if (!state) {
    if (!std::exchange(cannot_look_, true)) log_error(state.error().text + "; trying again");
    return;
  }
  cannot_look_ = false;
  obey(recovery_.on_unit(*state, now()));
}

// Signals say when to look; the clock makes sure that a lost one does no harm.
void Watchdog::tick() {
  // Without enforce nothing is under way that would need it, and that may last for days.
  const bool soon = recovery_.phase() == Recovery::Phase::recovering && recovery_.memory().mode == FeatureMode::enforce;
  if (soon || now().steady_ms - looked_ms_ >= rules_.interval_ms) look();
  obey(recovery_.on_time(now()));
  if (!to_stop_.empty()) stop_units();
}

void Watchdog::take_answer() {
  auto answer = check_.run(steady_us());
  if (!answer) return;
  last_answer_ = std::move(*answer);
  answered_ = true;
  if (last_answer_.why) look();  // it may have been stopped meanwhile
  if (last_answer_.mode) take_mode(*last_answer_.mode);
  obey(recovery_.on_answer(last_answer_.why, now()));
}

void Watchdog::take_mode(FeatureMode mode) {
  if (mode == recovery_.memory().mode) return;
  log_info("the agent's feature agent_watchdog is now: " + std::string(to_string(mode)));
  recovery_.set_mode(mode);
}

void Watchdog::obey(Orders::Unit order) {
  Result<void> done;
  switch (order) {
    case Orders::Unit::leave:
      return;
    case Orders::Unit::start:
      done = systemd_.start(kService);
      break;
    case Orders::Unit::restart:
      done = systemd_.restart(kService);
      break;
    case Orders::Unit::stop:
      // The socket first: a client would start the agent again.
      to_stop_ = {kSocket, kPolicySocket, kApiSocket, kService};
      stop_units();
      return;
  }
  if (!done) log_error(done.error().text);
}

// A crash loop keeps systemd busy, which may answer late; giving up has to be obeyed all the same.
void Watchdog::stop_units() {
  std::erase_if(to_stop_, [this](const std::string& unit) {
    const auto stopped = systemd_.stop(unit);
    if (!stopped) log_error(stopped.error().text + "; trying again");
    return stopped.has_value();
  });
}

void Watchdog::obey(const Orders& orders) {
  obey(orders.unit);  // first of all: nothing below is worth waiting for
  if (orders.closed) {
    failures_.close(orders.closed->by, orders.closed->seconds);
    if (orders.closed->answers)
      log_info("the agent answers again after " + std::to_string(orders.closed->seconds) + " s, " +
               (orders.closed->by ? "restarted by " + *orders.closed->by : "without the watchdog"));
  }
  if (orders.failed) record(*orders.failed);
  if (orders.would != Orders::Unit::leave)
    log_info(std::string("would have ") + (orders.would == Orders::Unit::start ? "started" : "restarted") +
             " the agent, but only observes; see: npanelctl feature show agent_watchdog");
  if (orders.gave_up) {
    failures_.close(std::nullopt, 0);
    log_error("the agent was restarted " + std::to_string(rules_.restarts_per_hour) +
              " times within the hour and failed again: it stays stopped. Limits stay in force; nothing is counted for "
              "Prometheus and nothing can be changed. See npanelctl watchdog; then: systemctl start npanel-agent");
  }
  if (orders.check) check_.begin(steady_us());
  remember();
}

void Watchdog::record(const Orders::Failed& failed) {
  log_error("the agent failed: " + failed.reason);
  Failure failure{.at_ms = failed.died_unix_ms, .reason = failed.reason};
  if (auto lines = last_log_lines(kService, kLogLines))
    failure.log = std::move(*lines);
  else
    log_error(lines.error().text + "; carrying on");
  last_failure_ = failure;
  failures_.add(std::move(failure));
  ::malloc_trim(0);  // a journal is large
}

void Watchdog::remember() {
  auto written = failures_.flush();
  if (written && remembered_ != recovery_.memory()) {
    written = write_memory(memory_path_, recovery_.memory());
    if (written) remembered_ = recovery_.memory();
  }
  if (!written && !cannot_write_) log_error(written.error().text + "; kept in memory and tried again");
  cannot_write_ = !written;
}

WatchdogStatus Watchdog::status() const {
  WatchdogStatus status{.version = version_,
                        .mode = recovery_.memory().mode,
                        .phase = recovery_.phase(),
                        .last_check_failure = last_answer_.why,
                        .last_recovery_seconds = recovery_.last_recovery_seconds(),
                        .recovered_by_systemd = recovery_.memory().by_systemd,
                        .recovered_by_watchdog = recovery_.memory().by_watchdog,
                        .restarts_last_hour = recovery_.memory().restarts_unix_ms.size(),
                        .restarts_per_hour = rules_.restarts_per_hour,
                        .last_failure = last_failure_};
  if (answered_) status.last_check_latency_us = last_answer_.latency_us;
  status.agent_healthy = status.phase == Recovery::Phase::watching && answered_ && !last_answer_.why;
  return status;
}

Response Watchdog::answer(const Request& request) const {
  if (request.method != "GET") {
    Response refused = problem(405, "the watchdog answers GET only");
    refused.headers.emplace_back("Allow", "GET");
    return refused;
  }
  const WatchdogStatus known = status();
  if (request.path == "/metrics")
    return {.body = render_metrics(known), .content_type = "text/plain; version=0.0.4; charset=utf-8"};
  if (request.path == "/healthz") return {.body = Json{{"status", "ok"}}.dump()};
  if (request.path != "/status") return problem(404, "no such resource: " + request.path);
  const Json json{{"version", known.version},
                  {"mode", to_string(known.mode)},
                  {"phase", to_string(known.phase)},
                  {"agent_healthy", known.agent_healthy},
                  {"last_check_us", or_null(known.last_check_latency_us)},
                  {"last_check_failure", or_null(known.last_check_failure)},
                  {"recovered_by_systemd", known.recovered_by_systemd},
                  {"recovered_by_watchdog", known.recovered_by_watchdog},
                  {"last_recovery_seconds", or_null(known.last_recovery_seconds)},
                  {"restarts_last_hour", known.restarts_last_hour},
                  {"restarts_per_hour", known.restarts_per_hour},
                  {"last_failure", known.last_failure ? encode(*known.last_failure) : Json(nullptr)}};
  return {.body = json.dump(-1, ' ', false, Json::error_handler_t::replace)};
}

}  // namespace npanel
