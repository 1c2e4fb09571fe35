// SPDX-License-Identifier: Apache-2.0
#include "unit/api/visit.h"

namespace npanel {
namespace {

constexpr const char* kWatchdog = "/api/v1/features/agent_watchdog";
constexpr const char* kIsolation = "/api/v1/features/cgroups_isolation";

class FeatureRoutes : public Visit {};

TEST_F(FeatureRoutes, AFeatureIsShownAndChanged) {
  make_account("ann");
  EXPECT_EQ(patch(kIsolation, R"({"rollout":10})").status, 200);
  EXPECT_EQ(post("/api/v1/features/cgroups_isolation/overrides", R"({"account":"bob","enabled":true})").status, 200);
  const Json json = json_of(get(kIsolation));
  EXPECT_EQ(json["name"], "cgroups_isolation");
  EXPECT_FALSE(json.contains("track"));
  EXPECT_EQ(json["available"], true);
  EXPECT_EQ(json["enabled"], true);
  EXPECT_EQ(json["mode"], "enforce");
  EXPECT_EQ(json["modes"], Json::parse(R"(["enforce"])"));
  EXPECT_EQ(json["rollout"], 10);
  EXPECT_EQ(json["per_account"], true);
  EXPECT_EQ(json["overrides"], Json::parse(R"({"bob":true})"));
  EXPECT_TRUE(json["switched_off"].is_null());
  EXPECT_TRUE(json["cost"].is_null());
  EXPECT_EQ(json_of(get(kWatchdog))["modes"], Json::parse(R"(["observe","enforce"])"));
  EXPECT_EQ(json_of(get("/api/v1/features"))["features"].size(), static_cast<size_t>(NP_FEATURES));
  const Response cleared = post("/api/v1/features/cgroups_isolation/overrides", R"({"account":"bob","enabled":null})");
  EXPECT_EQ(json_of(cleared)["overrides"], Json::object());
}

TEST_F(FeatureRoutes, AnUnknownFeatureIsAnsweredWithTheKnownOnes) {
  const Response response = get("/api/v1/features/email_rate_limit");
  EXPECT_EQ(response.status, 404);
  EXPECT_NE(detail_of(response).find("email_rate_limiting"), std::string::npos);
  EXPECT_EQ(patch("/api/v1/features/x", "{}").status, 404);
  EXPECT_EQ(post("/api/v1/features/x/overrides", R"({"account":"bob","enabled":true})").status, 404);
  EXPECT_EQ(post("/api/v1/features/cgroups_isolation/overrides", R"({"account":"eve","enabled":true})").status, 404);
}

}  // namespace
}  // namespace npanel
