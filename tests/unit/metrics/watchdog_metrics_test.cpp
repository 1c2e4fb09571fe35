// SPDX-License-Identifier: Apache-2.0
#include "metrics/watchdog_metrics.h"

#include <gtest/gtest.h>

namespace npanel {
namespace {

bool has_line(const std::string& text, const std::string& line) {
  return ("\n" + text).find("\n" + line + "\n") != std::string::npos;
}

TEST(WatchdogMetrics, SayHowTheAgentIs) {
  WatchdogStatus status{.version = "1.2.3",
                        .mode = FeatureMode::observe,
                        .phase = Recovery::Phase::watching,
                        .agent_healthy = true,
                        .last_check_latency_us = 1500,
                        .last_recovery_seconds = 0.75,
                        .recovered_by_systemd = 2,
                        .recovered_by_watchdog = 3,
                        .restarts_last_hour = 4,
                        .restarts_per_hour = 5};
  const std::string text = render_metrics(status);
  for (const char* line :
       {"npanel_agent_health_status 1", "npanel_agent_recovery_total{by=\"systemd\"} 2",
        "npanel_agent_recovery_total{by=\"watchdog\"} 3", "npanel_agent_recovery_latency_seconds 0.75",
        "npanel_agent_socket_latency_seconds 0.0015", "npanel_watchdog_restarts_last_hour 4",
        "npanel_watchdog_restarts_per_hour 5", "npanel_watchdog_gave_up 0", "npanel_watchdog_mode{mode=\"off\"} 0",
        "npanel_watchdog_mode{mode=\"observe\"} 1", "npanel_watchdog_mode{mode=\"enforce\"} 0",
        "npanel_watchdog_info{version=\"1.2.3\"} 1"})
    EXPECT_TRUE(has_line(text, line)) << line << "\n" << text;
}

TEST(WatchdogMetrics, WhatIsNotKnownHasNoSeries) {
  const std::string text = render_metrics(WatchdogStatus{.version = "1", .phase = Recovery::Phase::gave_up});
  EXPECT_TRUE(has_line(text, "npanel_agent_health_status 0"));
  EXPECT_TRUE(has_line(text, "npanel_watchdog_gave_up 1"));
  EXPECT_EQ(text.find("latency"), std::string::npos);
}

}  // namespace
}  // namespace npanel
