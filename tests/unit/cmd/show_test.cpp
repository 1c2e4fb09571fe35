// SPDX-License-Identifier: Apache-2.0
#include "cmd/npanelctl/show.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

namespace npanel {
namespace {

using nlohmann::json;

bool has(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

json feature(const char* changes = "{}") {
  json made = json::parse(R"({"name": "cgroups_isolation", "summary": "Limits of each account",
    "available": true, "enabled": true, "mode": "observe", "modes": ["observe", "enforce"], "rollout": 20,
    "per_account": true, "accounts_on": 7, "overrides": {}, "switched_off": null, "cost": null})");
  made.update(json::parse(changes));
  return made;
}

std::string features(const json& one) {
  return features_view({{"features", json::array({one})}});
}

json mail(const char* changes = "{}") {
  json made = json::parse(
      R"({"name": "bob", "mode": "enforce", "limits": {"messages_per_hour": 500, "bytes_per_hour": 50000000},
    "sent": {"messages_per_15min": 20, "messages_per_hour": 480, "messages_per_day": 900, "bytes_per_hour": 1048576},
    "free_in_seconds": 0, "raise": null, "throttle": null,
    "deliveries": {"accepted": 30, "unknown_recipients": 4, "deferred": 1, "content": 2, "authentication": 6, "server": 7,
    "local": 8, "unclear": 9}, "deferred": 3, "would_have_deferred": 0,
    "direct": {"allowed": 1, "denied": 2, "redirected": 0}})");
  made.update(json::parse(changes));
  return made;
}

TEST(Show, WhoSendsMostIsATable) {
  EXPECT_EQ(mail_top_view({{"accounts", json::array({mail()})}}),
            "NAME  15 MIN  HOUR  DAY  BYTES/H  LIMIT/H  DEFERRED  DIRECT  REFUSED  FREE  STATE\n"
            "bob       20   480  900  1.0 MiB      500         3       1        2  now   -\n");
}

TEST(Show, WhyAnAccountWaitsNamesLimitsRaiseAndRefusals) {
  const std::string text = mail_why_view(mail(R"({"free_in_seconds": 600,
    "throttle": {"cause": "unknown_recipients", "percent": 30, "until": "2026-11-25T11:00:00.000Z", "advice": "mend it"},
    "examples": [{"outcome": "unknown_recipient", "domain": "y.example", "answer": "550 \u001b[2J no"}],
    "raise": {"messages_per_hour": 2000, "until": "2026-11-25T12:00:00.000Z"},
    "refusals": [{"time": "2026-11-25T10:00:00.000Z", "kind": "mail_deferred", "detail": {"script": "a\u001bb.php"}}]})"));
  for (const char* part :
       {"messages_per_hour:  480 of 500", "messages_per_day:   900 of max", "bytes_per_hour:     1.0 MiB of",
        "free:               in 10 min", "delivered:          30 in the last hour, 4 to unknown recipients, 1 deferred",
        "2 refused as unwanted", "7 for this server or the destination, 8 by the local MTA, 9 unclear; 6 for SPF",
        R"(for example:        unknown_recipient, y.example: "550 \u001b[2J no")",
        "throttled:          to a quarter until 2026-11-25T11:00:00.000Z: 30 % unknown_recipients; mend it",
        "to 2000 messages an hour until 2026-11-25T12:00:00.000Z", R"(mail_deferred script="a\u001bb.php")"})
    EXPECT_TRUE(has(text, part)) << part << " in\n" << text;
  EXPECT_TRUE(has(mail_why_view(mail(R"({"free_in_seconds": null})")), "it may send none"));
}

TEST(Show, MailOfNoAccountSaysWhoSentItAndWhatToDo) {
  const std::string text = mail_unattributed_view(json::parse(R"({"mode": "enforce",
    "limits": {"messages_per_hour": 500}, "sent": {"messages_per_15min": 20, "messages_per_hour": 500, "messages_per_day": 900},
    "free_in_seconds": 600, "deferred": 3, "senders": [{"reason": "login", "login": "a\u001b[2J b", "uid": null, "client": "192.0.2.9",
    "sender": "x@ann.example", "messages": 500, "deferred": 3, "time": "2026-11-25T10:00:00.000Z", "remedy": "name it"}]})"));
  for (const char* part :
       {"messages_per_hour:  500 of 500", "free:               in 10 min", "deferred:           3",
        R"(login   "a\u001b[2J b"    -  192.0.2.9  x@ann.example       500         3  2026-11-25T10)",
        "\nlogin: name it\n"})
    EXPECT_TRUE(has(text, part)) << part << " in\n" << text;
}

TEST(Show, UnclearAnswersAreATableWithoutControlCharacters) {
  const std::string text =
      mail_unclear_view(json::parse(R"({"count": 7, "answers": [{"account": "bob", "server": "mx.y.example",
    "stage": "rcpt", "code": 550, "status": "5.7.1", "text": "h\u001bm", "count": 7, "time": "2026-11-25T10:00:00.000Z"}]})"));
  for (const char* part : {"7 answers were not understood", "mx.y.example  rcpt    550  5.7.1", R"("h\u001bm")"})
    EXPECT_TRUE(has(text, part)) << part << " in\n" << text;
  EXPECT_FALSE(has(mail_unclear_view({{"count", 0}, {"answers", json::array()}}), "SERVER"));
}

TEST(Show, FindingsSayWhatToDo) {
  const std::string text =
      mail_findings_view(json::parse(R"({"findings": [{"trouble": "reputation", "description": "it is on a block list",
    "remedy": "ask the list", "since": "2026-11-25T10:00:00.000Z", "accounts": 20, "recipients": 500,
    "destinations": ["y.example", "z.example"], "answer": "554 blocked"}]})"));
  for (const char* part :
       {"it is on a block list", "ask the list", "500 in the last hour", "y.example, z.example", "554 blocked"})
    EXPECT_TRUE(has(text, part)) << part << " in\n" << text;
  EXPECT_TRUE(has(mail_findings_view({{"findings", json::array()}}), "nothing is wrong"));
}

TEST(Show, FeaturesAreATable) {
  EXPECT_EQ(features(feature()),
            "NAME               STATE  MODE     ROLLOUT  ACCOUNTS  SUMMARY\n"
            "cgroups_isolation  on     observe      20%         7  Limits of each account\n");
}

TEST(Show, FeatureThatIsNotThereSaysSo) {
  EXPECT_TRUE(has(features(feature(R"({"available": false, "enabled": false})")), "  not built  "));
  EXPECT_TRUE(has(features(feature(R"({"enabled": false})")), "  off  "));
  const json stopped = feature(R"({"enabled": false, "switched_off": "it took 3% of one core"})");
  EXPECT_TRUE(has(features(stopped), "  off by itself  "));
  EXPECT_TRUE(has(feature_view(stopped), "it took 3% of one core"));
}

TEST(Show, FeatureOfTheWholeServerHasNoPercentage) {
  const std::string text = features(feature(R"({"per_account": false, "accounts_on": 7, "rollout": 100})"));
  EXPECT_FALSE(has(text, "100%")) << text;
}

TEST(Show, FeatureHasItsOverridesAndItsCost) {
  const std::string text = feature_view(feature(R"({"overrides": {"alice": false, "bob": true},
    "cost": {"kernel_percent": 0.25, "agent_percent": 1, "memory_bytes": 2048}})"));
  EXPECT_TRUE(has(text, "override: alice off\noverride: bob on\n")) << text;
  EXPECT_TRUE(has(text, "kernel 0.250%, agent 1.000% of one core, memory 2.0 KiB\n")) << text;
}

TEST(Show, CostThatTheKernelDoesNotTellIsADash) {
  const char* cost = R"({"cost": {"kernel_percent": null, "agent_percent": 1, "memory_bytes": null}})";
  EXPECT_TRUE(has(feature_view(feature(cost)), "kernel -, agent 1.000% of one core, memory -\n"));
}

TEST(Show, WhatHoldsNowStandsBesideWhatWasSaidWithItsReason) {
  json account = {{"name", "bob"},
                  {"limits", {{"cpu_percent", 50}, {"pids_max", 256}}},
                  {"mail", {{"messages_per_hour", 100}}},
                  {"degraded", json::array()}};
  EXPECT_FALSE(has(account_view(account), "now:")) << "an agent that does not say";
  account["effective"] = {{"limits", account["limits"]}, {"mail", account["mail"]}};
  account["reasons"] = json::array();
  EXPECT_FALSE(has(account_view(account), "now:")) << account_view(account);
  account["effective"]["limits"]["cpu_percent"] = nullptr;
  account["effective"]["mail"]["messages_per_hour"] = 200;
  account["reasons"] = json::array({"mail: raised to 200 messages an hour until tomorrow"});
  const std::string text = account_view(account);
  EXPECT_TRUE(has(text, "now:         cpu max\n")) << text;
  EXPECT_TRUE(has(text, "now:         mail ")) << text;
  EXPECT_FALSE(has(text, "now:         pids")) << text;
  EXPECT_TRUE(has(text, "because:     mail: raised to 200 messages an hour until tomorrow\n")) << text;
}

TEST(Show, AccountWhoseFeaturesAreNotOnIsMarked) {
  json account = {{"name", "bob"}, {"degraded", json::array()}};
  const auto list = [&account] { return accounts_view({{"accounts", json::array({account})}}); };
  EXPECT_TRUE(list().ends_with("  no        -\n")) << "an agent that does not say";
  account["features"] = {{"cgroups_isolation", "enforce"}, {"email_rate_limiting", "enforce"}};
  EXPECT_TRUE(list().ends_with("  enforce\n"));
  EXPECT_TRUE(has(account_view(account), "every limit is in force"));
  account["features"] = {{"cgroups_isolation", "off"}, {"email_rate_limiting", "observe"}};
  EXPECT_TRUE(list().ends_with("  cgroups_isolation off, email_rate_limiting observe\n"));
  EXPECT_TRUE(has(account_view(account), "feature:     cgroups_isolation off\n")) << account_view(account);
  EXPECT_TRUE(has(account_view(account), "feature:     email_rate_limiting observe\n"));
  EXPECT_FALSE(has(account_view(account), "every limit is in force"));
}

TEST(Show, NewTokenStandsAlone) {
  EXPECT_EQ(secret_view({{"name", "panel"}, {"token", "npt_panel_x"}}), "npt_panel_x\n");
  const json tokens =
      json::parse(R"({"tokens": [{"name": "panel", "scope": "write", "created": "2026-11-22T19:40:00.123Z"}]})");
  EXPECT_EQ(tokens_view(tokens),
            "NAME   SCOPE  CREATED\n"
            "panel  write  2026-11-22T19:40:00.123Z\n");
}

TEST(Show, ReloadSaysWhatChangedAndWhatWaits) {
  EXPECT_EQ(reload_view({{"version", 3}, {"changed", json::array()}, {"needs_restart", json::array()}}),
            "version: 3\nchanged: nothing\n");
  const std::string text = reload_view({{"version", 4},
                                        {"changed", json::array({"smtp.ports"})},
                                        {"needs_restart", {"paths.socket", "paths.database"}}});
  EXPECT_TRUE(has(text, "smtp.ports\n"));
  EXPECT_TRUE(has(text, "paths.socket, paths.database; then: systemctl restart npanel-agent\n")) << text;
}

TEST(Show, JobsHaveAStageWhileTheyRunAndAResultAfterwards) {
  const json running = {{"id", 2},       {"kind", "drain"}, {"account", "bob"}, {"state", "running"},
                        {"percent", 50}, {"stage", "one"},  {"result", ""}};
  const json failed = {{"id", 1},         {"kind", "backup"}, {"account", nullptr},    {"state", "failed"},
                       {"percent", 12.5}, {"stage", "pages"}, {"result", "disk full"}, {"log", {"a", "b"}}};
  const std::string text = jobs_view({{"jobs", {running, failed}}});
  EXPECT_TRUE(has(text, " 2  drain   bob      running   50%  ")) << text;
  EXPECT_TRUE(has(text, "  one\n")) << text;
  EXPECT_TRUE(has(text, "  disk full\n")) << text;
  EXPECT_TRUE(has(job_view(failed), "log:     a\nlog:     b\n")) << job_view(failed);
  EXPECT_EQ(job_id_view(running), "2\n");
}

TEST(Show, HealthAndWatchdogHaveTheMode) {
  EXPECT_EQ(health_view({{"status", "ok"}, {"reasons", json::array()}, {"watchdog", "observe"}}),
            "ok\n  watchdog: observe\n");
  EXPECT_EQ(health_view({{"status", "ok"}, {"reasons", json::array()}}), "ok\n");
  EXPECT_TRUE(has(watchdog_view({{"mode", "enforce"}}), "mode:                  enforce\n"));
}

TEST(Show, RefusalNamesTheRequest) {
  const Response refused{.status = 404, .body = R"({"detail": "no account bob"})", .request_id = "7f3a"};
  EXPECT_EQ(refusal(refused), "no account bob (request 7f3a)");
  EXPECT_EQ(refusal({.status = 502, .body = "<html>"}), "the agent answered with HTTP status 502");
  EXPECT_EQ(refusal({.status = 204, .body = "", .request_id = "7f3a"}), std::nullopt);
}

TEST(Show, RefusalByAFeatureSaysHowToTurnItOn) {
  const Response refused{
      .status = 403, .body = R"({"detail": "closed", "feature": "progress_tracking"})", .request_id = "7f3a"};
  EXPECT_EQ(refusal(refused),
            "progress_tracking is off; turn it on with: npanelctl feature enable progress_tracking (request 7f3a)");
  EXPECT_EQ(refusal({.status = 403, .body = R"({"detail": "this token may only read"})"}), "this token may only read");
}

TEST(Show, WhatAnAnswerSaysReachesTheTerminalWithoutControlCharacters) {
  EXPECT_EQ(refusal({.status = 404, .body = R"({"detail": "\u001b[2J"})", .request_id = "\x1b]0;"}),
            "?[2J (request ?]0;)");
  EXPECT_FALSE(has(features(feature(R"({"summary": "\u001b[2J"})")), "\x1b"));
}

}  // namespace
}  // namespace npanel
