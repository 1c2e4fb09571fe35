// SPDX-License-Identifier: Apache-2.0
#include "metrics/watchdog_metrics.h"

#include "metrics/families.h"

namespace npanel {

std::string render_metrics(const WatchdogStatus& status) {
  using enum prometheus::MetricType;
  Families out;
  out.add(Gauge, "npanel_agent_health_status", "1 when the agent answers the watchdog's health checks",
          status.agent_healthy ? 1 : 0);
  prometheus::MetricFamily& recoveries =
      out.family(Counter, "npanel_agent_recovery_total", "Deaths and hangs of the agent after which it answered again");
  recoveries.metric.push_back(series(Counter, static_cast<double>(status.recovered_by_systemd), {{"by", "systemd"}}));
  recoveries.metric.push_back(series(Counter, static_cast<double>(status.recovered_by_watchdog), {{"by", "watchdog"}}));
  if (status.last_recovery_seconds)
    out.add(Gauge, "npanel_agent_recovery_latency_seconds",
            "From the agent's last death, or last sign of life, until it answered again",
            *status.last_recovery_seconds);
  if (status.last_check_latency_us)
    out.add(Gauge, "npanel_agent_socket_latency_seconds", "How long the last health check took",
            static_cast<double>(*status.last_check_latency_us) / 1e6);
  prometheus::MetricFamily& modes = out.family(
      Gauge, "npanel_watchdog_mode", "1 for the mode of agent_watchdog that the watchdog obeys, 0 for the others");
  for (const FeatureMode mode : {FeatureMode::off, FeatureMode::observe, FeatureMode::enforce})
    modes.metric.push_back(series(Gauge, mode == status.mode ? 1 : 0, {{"mode", std::string(to_string(mode))}}));
  out.add(Gauge, "npanel_watchdog_restarts_last_hour", "Restarts of the agent within the last hour",
          static_cast<double>(status.restarts_last_hour));
  out.add(Gauge, "npanel_watchdog_restarts_per_hour", "Restarts within an hour after which the watchdog gives up",
          status.restarts_per_hour);
  out.add(Gauge, "npanel_watchdog_gave_up", "1 when the agent stays stopped after too many restarts",
          status.phase == Recovery::Phase::gave_up ? 1 : 0);
  out.add(Gauge, "npanel_watchdog_info", "Version of the watchdog", 1, {{"version", status.version}});
  out.add_own_cost("watchdog");
  return out.text();
}

}  // namespace npanel
