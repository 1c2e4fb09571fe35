// SPDX-License-Identifier: Apache-2.0
// What do the database, the events and the audit trail hold after each kind of change?
#include <gmock/gmock.h>

#include "unit/core/without_kernel.h"

namespace npanel {
namespace {

using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;

constexpr const char* kAccounts = "/api/v1/accounts";
constexpr const char* kBob = "/api/v1/accounts/bob";
constexpr const char* kAnn = "/api/v1/accounts/ann";
constexpr const char* kNewBob =
    R"({"name":"bob","uid":5001,"limits":{"pids_max":40},"mail":{"messages_per_hour":100}})";

class Changes : public WithoutKernel {
 protected:
  Changes() { EXPECT_EQ(post(kAccounts, kNewBob).status, 201); }
};

TEST_F(Changes, ANewAccountIsThereAfterACrashWithItsEventAndItsEntry) {
  start();
  const Json bob = get(kBob);
  EXPECT_EQ(bob["uid"], 5001);
  EXPECT_EQ(bob["limits"]["pids_max"], 40);
  EXPECT_THAT(events("?account=bob"), Contains("account_created"));
  EXPECT_THAT(audit(), Contains("account.create bob "));
}

TEST_F(Changes, ANameThatIsTakenChangesNothing) {
  const Response refused = post(kAccounts, R"({"name":"bob","uid":5002})");
  EXPECT_EQ(refused.status, 409);
  EXPECT_EQ(json_of(refused)["field"], "name");
  EXPECT_EQ(get(kBob)["uid"], 5001);
  EXPECT_THAT(audit(), Contains("account.create - refused"));
}

TEST_F(Changes, AUidThatIsTakenChangesNothing) {
  EXPECT_EQ(post(kAccounts, R"({"name":"ann","uid":5002})").status, 201);
  const Response refused = patch(kAnn, R"({"uid":5001,"limits":{"pids_max":50}})");
  EXPECT_EQ(refused.status, 409);
  EXPECT_EQ(json_of(refused)["field"], "uid");
  EXPECT_EQ(get(kAnn)["uid"], 5002);
  EXPECT_NE(get(kAnn)["limits"]["pids_max"], 50);
  EXPECT_THAT(events("?account=ann"), ElementsAre("account_created"));
}

TEST_F(Changes, EachSubjectOfAChangeIsAnEventAndAnEntry) {
  EXPECT_EQ(patch(kBob, R"({"limits":{"pids_max":41},"contact":{"email":"bob@example.org"}})").status, 200);
  EXPECT_THAT(events("?account=bob"),
              testing::UnorderedElementsAre("account_created", "limits_changed", "contact_changed"));
  EXPECT_THAT(audit(), Contains("account.change bob "));
  EXPECT_THAT(audit(), Contains("account.contact bob "));
}

TEST_F(Changes, AChangeThatChangesNothingLeavesNoTrace) {
  EXPECT_EQ(patch(kBob, R"({"limits":{"pids_max":40}})").status, 200);
  EXPECT_THAT(events("?account=bob"), ElementsAre("account_created"));
  EXPECT_THAT(audit(), ElementsAre("account.create bob "));
}

TEST_F(Changes, SuspensionOutlivesACrashAndIsToldOnce) {
  EXPECT_EQ(post(std::string(kBob) + "/suspend").status, 200);
  EXPECT_EQ(post(std::string(kBob) + "/suspend").status, 200);
  start();
  EXPECT_EQ(get(kBob)["state"], "suspended");
  EXPECT_EQ(post(std::string(kBob) + "/resume").status, 200);
  EXPECT_EQ(get(kBob)["state"], "active");
  EXPECT_THAT(events("?account=bob"), ElementsAre("resumed", "suspended", "account_created"));
}

TEST_F(Changes, ARenamedAccountTakesAlongWhatIsItsOwn) {
  enable("email_rate_limiting");
  EXPECT_EQ(post("/api/v1/features/email_rate_limiting/overrides", R"({"account":"bob","enabled":false})").status, 200);
  EXPECT_EQ(post(std::string(kBob) + "/mail/raise", R"({"messages_per_hour":200,"seconds":600})").status, 200);
  EXPECT_EQ(patch(kBob, R"({"name":"bert"})").status, 200);
  start();
  EXPECT_EQ(get(kBob)["status"], 404);
  EXPECT_EQ(get("/api/v1/accounts/bert")["raise"]["messages_per_hour"], 200);
  EXPECT_EQ(get("/api/v1/features/email_rate_limiting")["overrides"], Json({{"bert", false}}));
  EXPECT_THAT(events("?account=bert"), Contains("account_created"));
  EXPECT_THAT(audit(), Contains("account.rename bob "));
}

TEST_F(Changes, WhoHasTheNameNextInheritsNothing) {
  enable("email_rate_limiting");
  EXPECT_EQ(post("/api/v1/features/email_rate_limiting/overrides", R"({"account":"bob","enabled":false})").status, 200);
  EXPECT_EQ(post(std::string(kBob) + "/mail/raise", R"({"messages_per_hour":200,"seconds":600})").status, 200);
  EXPECT_EQ(erase(kBob).status, 204);
  EXPECT_EQ(get(kBob)["status"], 404);
  EXPECT_EQ(post(kAccounts, kNewBob).status, 201);
  EXPECT_EQ(get(kBob)["raise"], nullptr);
  EXPECT_EQ(get("/api/v1/features/email_rate_limiting")["overrides"], Json::object());
  start();
  EXPECT_EQ(get(kBob)["raise"], nullptr);
  EXPECT_THAT(audit(), Contains("account.delete bob "));
}

TEST_F(Changes, ADeletedAccountsSlotIsFree) {
  EXPECT_EQ(post(kAccounts, R"({"name":"ann","uid":5002})").status, 201);
  EXPECT_EQ(erase(kBob).status, 204);
  EXPECT_EQ(post(kAccounts, R"({"name":"eve","uid":5003})").status, 201);
  EXPECT_EQ(count("SELECT slot FROM account WHERE name = 'eve'"), 0);
  EXPECT_EQ(count("SELECT slot FROM account WHERE name = 'ann'"), 1);
}

TEST_F(Changes, WhatHoldsIsShownBesideWhatWasSaidAndWhy) {
  const Json before = get(kBob);
  EXPECT_EQ(before["effective"]["limits"]["pids_max"], nullptr) << "the feature is off";
  EXPECT_THAT(before["reasons"].dump(), HasSubstr("cgroups_isolation is off"));
  enable("cgroups_isolation");
  enable("email_rate_limiting");
  const Json bob = get(kBob);
  EXPECT_EQ(bob["reasons"], Json::array());
  for (const char* key : {"limits", "smtp", "mail"}) EXPECT_EQ(bob["effective"][key], bob[key]) << key;
  EXPECT_EQ(post(std::string(kBob) + "/mail/raise", R"({"messages_per_hour":200,"seconds":600})").status, 200);
  const Json raised = get(kBob);
  EXPECT_EQ(raised["mail"]["messages_per_hour"], 100);
  EXPECT_EQ(raised["effective"]["mail"]["messages_per_hour"], 200);
  EXPECT_THAT(raised["reasons"].dump(), HasSubstr("raised to 200 messages an hour until"));
  enable("email_rate_limiting", "observe");
  EXPECT_THAT(get(kBob)["reasons"].dump(), HasSubstr("observes"));
}

TEST_F(Changes, ARaiseEndsByItselfByHandAndInTheTrail) {
  enable("email_rate_limiting");
  EXPECT_EQ(post(std::string(kBob) + "/mail/raise", R"({"messages_per_hour":50,"seconds":600})").status, 400);
  EXPECT_EQ(post(std::string(kBob) + "/mail/raise", R"({"messages_per_hour":200,"seconds":600})").status, 200);
  EXPECT_EQ(erase(std::string(kBob) + "/mail/raise").status, 200);
  EXPECT_EQ(get(kBob)["raise"], nullptr);
  start();
  EXPECT_EQ(get(kBob)["raise"], nullptr);
  EXPECT_THAT(audit(), Contains("account.mail_raise bob "));
}

TEST_F(Changes, AFeatureIsOnAfterACrashAndEachTurnIsCounted) {
  enable("email_rate_limiting", "observe");
  EXPECT_EQ(patch("/api/v1/features/email_rate_limiting", R"({"rollout":50})").status, 200);
  EXPECT_THAT(ask(local("GET", "/metrics")).body,
              HasSubstr("npanel_feature_toggles_total{feature=\"email_rate_limiting\"} 1"));
  start();
  const Json feature = get("/api/v1/features/email_rate_limiting");
  EXPECT_EQ(feature["mode"], "observe");
  EXPECT_EQ(feature["rollout"], 50);
  EXPECT_THAT(audit(), Contains("feature.change - email_rate_limiting"));
}

TEST_F(Changes, AnOverrideOfNobodyIsRefused) {
  EXPECT_EQ(post("/api/v1/features/email_rate_limiting/overrides", R"({"account":"eve","enabled":true})").status, 404);
  EXPECT_EQ(post("/api/v1/features/audit_logs_v2/overrides", R"({"account":"bob","enabled":true})").status, 400);
  EXPECT_EQ(count("SELECT count(*) FROM feature_override"), 0);
}

TEST_F(Changes, AFeatureThatSomebodyTurnedInTheDatabaseIsObeyedAndAudited) {
  sqlite3("UPDATE feature_flags SET enabled = 1 WHERE name = 'email_rate_limiting'");
  agent->tick();
  EXPECT_EQ(get("/api/v1/features/email_rate_limiting")["enabled"], true);
  EXPECT_THAT(audit(), Contains("feature.change - email_rate_limiting"));
}

TEST_F(Changes, ATokenIsGoodFromItsCreationToItsRevocation) {
  const auto text = [](const Response& response) { return json_of(response).value("token", ""); };
  const auto status = [&](const std::string& token) { return ask(remote("GET", kAccounts, token)).status; };
  const std::string first = text(post("/api/v1/tokens", R"({"name":"panel","scope":"write"})"));
  EXPECT_EQ(status(first), 200);
  EXPECT_EQ(post("/api/v1/tokens", R"({"name":"panel","scope":"read"})").status, 409);
  const std::string second = text(post("/api/v1/tokens/panel/rotate"));
  EXPECT_EQ(status(first), 401);
  EXPECT_EQ(status(second), 200);
  start();
  EXPECT_EQ(status(second), 200);
  EXPECT_EQ(erase("/api/v1/tokens/panel").status, 204);
  EXPECT_EQ(erase("/api/v1/tokens/panel").status, 404);
  EXPECT_EQ(status(second), 401);
  EXPECT_THAT(audit(), testing::IsSupersetOf({"token.create - panel", "token.rotate - panel", "token.revoke - panel"}));
}

TEST_F(Changes, ARetryIsAnsweredAsTheFirstTimeWhateverCrashedMeanwhile) {
  const Headers key{{"idempotency-key", "k1"}};
  const Response first = post(kAccounts, R"({"name":"ann","uid":5002})", key);
  EXPECT_EQ(first.status, 201);
  start();
  const Response again = post(kAccounts, R"({"name":"ann","uid":5002})", key);
  EXPECT_EQ(again.status, 201);
  EXPECT_EQ(again.body, first.body);
  EXPECT_EQ(header_of(again, "Idempotency-Replayed"), "true");
  EXPECT_EQ(post(kAccounts, R"({"name":"ann","uid":5003})", key).status, 422);
}

TEST_F(Changes, AReloadIsAVersionWithWhatItChanged) {
  enable("graceful_reloads");
  enable("config_layering");
  const auto before = get("/api/v1/config")["version"].get<int64_t>();
  configure("[reconcile]\naccounts_per_second = 7\n");
  const Json report = json_of(post("/api/v1/reload"));
  EXPECT_EQ(report["changed"], Json({"reconcile.accounts_per_second"}));
  EXPECT_EQ(report["version"], before + 1);
  EXPECT_EQ(get("/api/v1/config")["version"], before + 1);
  EXPECT_THAT(audit(), Contains("config.reload - "));
}

TEST_F(Changes, AWrongFileChangesNothing) {
  enable("graceful_reloads");
  enable("config_layering");
  const Json before = get("/api/v1/config");
  configure("[reconcile]\naccounts_per_second = 0\n");
  EXPECT_EQ(post("/api/v1/reload").status, 400);
  EXPECT_EQ(get("/api/v1/config"), before);
  EXPECT_THAT(audit(), Contains("config.reload - refused"));
}

TEST_F(Changes, AReloadBySignalIsRefusedAloudWhileItsFeatureIsOff) {
  agent->configuration().reload_by_signal();
  EXPECT_THAT(audit(), Contains("config.reload - refused"));
}

TEST_F(Changes, AJobEndsAndCannotBeCancelledThen) {
  enable("progress_tracking");
  const Response started = post("/api/v1/apply");
  EXPECT_EQ(started.status, 202);
  const std::string job = header_of(started, "Location");
  for (int i = 0; i < 5; ++i) agent->work();
  EXPECT_EQ(get(job)["state"], "failed");
  EXPECT_THAT(get(job)["result"].get<std::string>(), HasSubstr("not a cgroup v2 mount"));
  EXPECT_EQ(post(job + "/cancel").status, 409);
  EXPECT_EQ(get("/api/v1/jobs/99")["status"], 404);
  EXPECT_THAT(audit(), Contains("apply - job 1"));
}

TEST_F(Changes, ABackupIsAJobWhoseResultIsItsFile) {
  enable("progress_tracking");
  const std::string job = header_of(post("/api/v1/backup"), "Location");
  EXPECT_EQ(post("/api/v1/backup").status, 409);
  for (int i = 0; i < 100 && get(job)["state"] == "running"; ++i) agent->work();
  EXPECT_EQ(get(job)["state"], "done");
  EXPECT_TRUE(std::filesystem::exists(get(job)["result"].get<std::string>()));
}

TEST_F(Changes, WhatTheKernelLacksIsSaidOfEachAccountAndOfTheHost) {
  enable("cgroups_isolation");
  EXPECT_FALSE(get(kBob)["degraded"].empty());
  const Json health = get("/healthz");
  EXPECT_EQ(health["status"], "degraded");
  EXPECT_THAT(health["reasons"].dump(), HasSubstr("smtp"));
  EXPECT_THAT(events(), Contains("part_missing"));
  EXPECT_THAT(ask(local("GET", "/metrics")).body, Not(HasSubstr("npanel_account_cpu_seconds_total{account=\"bob\"")));
}

TEST_F(Changes, MailPassesWhileTheKernelCannotBeAsked) {
  EXPECT_EQ(agent->mail().answer({.state = "END-OF-MESSAGE", .sender = "bob@example.org"}), "DUNNO");
}

// Held by another connection, as by an administrator's sqlite3 in a transaction.
TEST_F(Changes, WhatTheDatabaseRefusesIsRefusedWholeAndWorksLater) {
  SQLite::Database other(directory.path("npanel.db"), SQLite::OPEN_READWRITE);
  other.exec("BEGIN IMMEDIATE");
  EXPECT_EQ(patch(kBob, R"({"limits":{"pids_max":77}})").status, 503);
  EXPECT_EQ(get(kBob)["limits"]["pids_max"], 40);
  EXPECT_EQ(post(kAccounts, R"({"name":"ann","uid":5002})").status, 503);
  EXPECT_EQ(get(kAnn)["status"], 404);
  other.exec("ROLLBACK");
  agent->tick();
  EXPECT_EQ(patch(kBob, R"({"limits":{"pids_max":77}})").status, 200);
  EXPECT_THAT(audit(), Contains("account.change bob refused"));
}

// Until somebody says that they are all there.
TEST_F(Changes, ADatabaseThatIsGoneIsALossUntilItIsConfirmed) {
  agent.reset();
  for (const auto& file : std::filesystem::directory_iterator(directory.path()))
    if (file.path().filename().string().starts_with("npanel.db")) std::filesystem::remove(file.path());
  start();
  EXPECT_EQ(get(kBob)["status"], 404);
  EXPECT_EQ(get("/api/v1/lost-accounts")["held"], Json::array());
}

}  // namespace
}  // namespace npanel
