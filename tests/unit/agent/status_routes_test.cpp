// SPDX-License-Identifier: Apache-2.0
#include "unit/api/visit.h"

namespace npanel {
namespace {

class StatusRoutes : public Visit {};

// A host that lacks nothing is booted by vmtest.
TEST_F(StatusRoutes, HealthSaysWhatIsMissingAndWhatTheWatchdogMayDo) {
  const Json health = json_of(get("/healthz"));
  EXPECT_EQ(health["status"], "degraded");
  const std::vector<std::string> reasons = health["reasons"];
  EXPECT_EQ(std::ranges::count(reasons, "cgroup v2 offers no io controller"), 1) << health["reasons"];
  EXPECT_EQ(health["watchdog"], "enforce");
  patch("/api/v1/features/agent_watchdog", R"({"mode":"observe"})");
  EXPECT_EQ(json_of(get("/healthz"))["watchdog"], "observe");
  turn(NP_AGENT_WATCHDOG, false);
  EXPECT_EQ(json_of(get("/healthz"))["watchdog"], "off");
  EXPECT_EQ(get("/healthz").status, 200) << "what the host lacks is no reason to restart the agent";
}

}  // namespace
}  // namespace npanel
