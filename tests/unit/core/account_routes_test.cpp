// SPDX-License-Identifier: Apache-2.0
#include "unit/api/visit.h"

namespace npanel {
namespace {

constexpr const char* kAccounts = "/api/v1/accounts";
constexpr const char* kBob = "/api/v1/accounts/bob";
constexpr const char* kWatchdog = "/api/v1/features/agent_watchdog";
constexpr const char* kLimits = R"({"limits":{"pids_max":32}})";

class AccountRoutes : public Visit {};

std::vector<std::string> names(const Response& response, const char* list) {
  const Json body = json_of(response);
  std::vector<std::string> all;
  for (const Json& item : body[list]) all.push_back(item["name"]);
  return all;
}

using Names = std::vector<std::string>;

TEST_F(AccountRoutes, ListsAccountsByPages) {
  make_account("ann");
  make_account("eve");
  const Response all = get(kAccounts);
  EXPECT_EQ(names(all, "accounts"), (Names{"ann", "bob", "eve"}));
  EXPECT_TRUE(json_of(all)["next"].is_null());
  const Response first = get("/api/v1/accounts?limit=2");
  EXPECT_EQ(names(first, "accounts"), (Names{"ann", "bob"}));
  EXPECT_EQ(json_of(first)["next"], "bob");
  const Response last = get("/api/v1/accounts?limit=2&after=bob");
  EXPECT_EQ(names(last, "accounts"), (Names{"eve"}));
  EXPECT_TRUE(json_of(last)["next"].is_null());
  EXPECT_EQ(names(get("/api/v1/stats?limit=1&after=ann"), "stats"), (Names{"bob"}));
  EXPECT_EQ(names(get("/api/v1/accounts?limit=3&after=a_account_that_is_gone"), "accounts"),
            (Names{"ann", "bob", "eve"}));
}

TEST_F(AccountRoutes, AnAccountSaysWhatTheFeaturesLetThrough) {
  patch("/api/v1/features/email_rate_limiting", R"({"mode":"observe"})");
  EXPECT_EQ(json_of(get(kBob))["features"],
            Json::parse(R"({"cgroups_isolation":"enforce","email_rate_limiting":"observe"})"));
}

TEST_F(AccountRoutes, AnEtagChangesWithWhatTheAdministratorSaid) {
  const Response first = get(kBob);
  const std::string before = header_of(first, "ETag");
  ASSERT_EQ(before.size(), 18u);
  ASSERT_FALSE(json_of(first)["degraded"].empty());
  turn(NP_CGROUPS_ISOLATION, false);
  turn(NP_EMAIL_RATE_LIMITING, false);
  const Response second = get(kBob);
  EXPECT_NE(json_of(second)["features"], json_of(first)["features"]);
  EXPECT_NE(json_of(second)["degraded"], json_of(first)["degraded"]);
  EXPECT_EQ(header_of(second, "ETag"), before) << "of the moment";
  const Response changed = patch(kBob, kLimits);
  EXPECT_NE(header_of(changed, "ETag"), before);
  EXPECT_EQ(header_of(get(kBob), "ETag"), header_of(changed, "ETag"));
  EXPECT_EQ(header_of(get(kWatchdog), "ETag").size(), 18u);
}

TEST_F(AccountRoutes, AnAccountGetsAnotherNameAndAnotherUid) {
  const Response renamed = patch(kBob, R"({"name":"Bob.Smith","uid":4001})");
  EXPECT_EQ(renamed.status, 200) << renamed.body;
  EXPECT_EQ(json_of(renamed)["name"], "Bob.Smith");
  EXPECT_EQ(json_of(renamed)["uid"], 4001);
  EXPECT_EQ(get(kBob).status, 404);
  EXPECT_EQ(get("/api/v1/accounts/Bob.Smith").status, 200);
  EXPECT_TRUE(json_of(patch("/api/v1/accounts/Bob.Smith", R"({"uid":null})"))["uid"].is_null());
  make_account("ann");
  const Response taken = patch("/api/v1/accounts/ann", R"({"name":"Bob.Smith"})");
  EXPECT_EQ(taken.status, 409);
  EXPECT_EQ(field_of(taken), "name");
  for (const char* body : {R"({"uid":65534})", R"({"uid":33})", R"({"name":"a/b"})", R"({"name":null})"})
    EXPECT_EQ(patch("/api/v1/accounts/ann", body).status, 400) << body;
}

TEST_F(AccountRoutes, LongWorkIsAJob) {
  const Response drain = post("/api/v1/accounts/bob/drain", R"({"grace_seconds":3})");
  EXPECT_EQ(drain.status, 202);
  EXPECT_EQ(header_of(drain, "Location"), "/api/v1/jobs/1");
  EXPECT_EQ(json_of(drain)["account"], "bob");
  EXPECT_EQ(post("/api/v1/accounts/bob/drain").status, 202);
  EXPECT_EQ(post("/api/v1/accounts/eve/drain").status, 404);
  EXPECT_EQ(post("/api/v1/apply").status, 202);
  EXPECT_EQ(post("/api/v1/backup").status, 202);
  EXPECT_EQ(json_of(get("/api/v1/jobs"))["jobs"].size(), 4u);
}

}  // namespace
}  // namespace npanel
