// SPDX-License-Identifier: Apache-2.0
#include "api/request_guard.h"

#include <pwd.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <sstream>

#include "base/clock.h"
#include "store/loss.h"
#include "unit/api/visit.h"

namespace npanel {
namespace {

constexpr const char* kAccounts = "/api/v1/accounts";
constexpr const char* kBob = "/api/v1/accounts/bob";
constexpr const char* kLimits = R"({"limits":{"pids_max":32}})";

class RequestGuardTest : public Visit {};

TEST_F(RequestGuardTest, FindsNoRouteAndNoMethod) {
  EXPECT_EQ(get("/nowhere").status, 404);
  EXPECT_EQ(get("/api/v1/accounts/bob/nothing").status, 404);
  EXPECT_EQ(get("/api/v1/features/x/y").status, 404);
  const Response response = ask(local("PUT", kBob));
  EXPECT_EQ(response.status, 405);
  EXPECT_EQ(header_of(response, "Allow"), "GET, HEAD, PATCH, DELETE");
}

TEST_F(RequestGuardTest, NamesTheCallerByUidAndSource) {
  const int64_t asked_us = steady_us();
  post("/api/v1/apply");
  const AuditEntry first = last_change();
  EXPECT_EQ(first.action, "apply");
  EXPECT_EQ(first.actor, "uid 0 (root)");
  EXPECT_EQ(first.source, "api");
  EXPECT_EQ(first.request_id, "id-1");
  EXPECT_GE(first.duration_us, asked_us - kNow) << "since the request came in";
  EXPECT_LE(first.duration_us, steady_us() - kNow);
  Request request = local("POST", "/api/v1/apply", "", {{"user-agent", "npanelctl/0.1.0"}});
  request.uid = 4'000'000'000;
  ASSERT_EQ(::getpwuid(4'000'000'000), nullptr);
  ask(request);
  EXPECT_EQ(last_change().actor, "uid 4000000000");
  EXPECT_EQ(last_change().source, "cli");
}

// The one thing that neither a token nor the group may do is asked of this (kernel/movable.h).
TEST_F(RequestGuardTest, RootIsWhoHasUidZeroOnTheSocketAndNobodyElse) {
  std::vector<bool> was_root;
  Router router;
  router.add({{.method = "POST",
               .path = "/api/v1/accounts/*/processes",
               .handler = [&](const Call& call) -> Result<Response> {
                 was_root.push_back(call.caller.root);
                 return no_content();
               },
               .action = "account.add_process"}});
  RequestGuard asking(std::move(router), agent->guard_sources(), RateRules{});
  const std::string path = "/api/v1/accounts/eve/processes";
  Request member = local("POST", path, R"({"pid":7})");
  member.uid = 1000;
  EXPECT_EQ(asking.answer(member).status, 204);
  EXPECT_EQ(asking.answer(remote("POST", path, write_token, R"({"pid":7})")).status, 204);
  EXPECT_EQ(asking.answer(local("POST", path, R"({"pid":7})")).status, 204);
  EXPECT_EQ(was_root, (std::vector<bool>{false, false, true}));
}

TEST_F(RequestGuardTest, NamesTheCallerByToken) {
  EXPECT_EQ(ask(remote("POST", "/api/v1/apply", write_token)).status, 202);
  EXPECT_EQ(last_change().actor, "token panel");
  Request request = remote("POST", "/api/v1/apply", "");
  request.headers["authorization"] = "bearer " + write_token;
  EXPECT_EQ(ask(request).status, 202);
  EXPECT_EQ(changes(), 2);
}

TEST_F(RequestGuardTest, AsksForATokenOverTcp) {
  int64_t now = kNow;
  const std::string good = "Bearer " + write_token;
  const std::string wrong[] = {"",
                               "Bearer",
                               "Bearer ",
                               "Bearer npt_panel_x",
                               good + "x",
                               good.substr(0, good.size() - 1),
                               "Bearer  " + write_token,
                               "Basic cm9vdDo=",
                               write_token,
                               good + ", " + good};
  for (const std::string& value : wrong)
    for (const char* path : {kAccounts, "/metrics", "/api/v1/tokens"}) {
      Request request = remote("GET", path, "");
      request.headers["authorization"] = value;
      request.began_us = now += kSecond;
      const Response response = ask(request);
      EXPECT_EQ(response.status, 401) << path << value;
      EXPECT_EQ(header_of(response, "WWW-Authenticate"), "Bearer");
    }
  EXPECT_EQ(ask(remote("GET", "/healthz", "")).status, 200);
  EXPECT_EQ(ask(remote("GET", "/metrics", read_token)).status, 200);
}

TEST_F(RequestGuardTest, AUnixSocketNeedsNoToken) {
  EXPECT_EQ(get(kAccounts, {{"authorization", "Bearer wrong"}}).status, 200);
}

TEST_F(RequestGuardTest, ReadTokensOnlyGet) {
  EXPECT_EQ(ask(remote("GET", kBob, read_token)).status, 200);
  for (const Request& request : {remote("PATCH", kBob, read_token, kLimits), remote("DELETE", kBob, read_token),
                                 remote("POST", "/api/v1/reload", read_token), remote("POST", kAccounts, read_token)}) {
    const Response response = ask(request);
    EXPECT_EQ(response.status, 403) << request.path;
    EXPECT_NE(detail_of(response).find("scope is read"), std::string::npos);
  }
  EXPECT_EQ(changes(), 0);
}

TEST_F(RequestGuardTest, TokensManageNoTokens) {
  for (const Request& request : {remote("GET", "/api/v1/tokens", write_token),
                                 remote("POST", "/api/v1/tokens", write_token, R"({"name":"a","scope":"read"})"),
                                 remote("POST", "/api/v1/tokens/panel/rotate", write_token),
                                 remote("DELETE", "/api/v1/tokens/panel", write_token)})
    EXPECT_EQ(ask(request).status, 403) << request.path;
  EXPECT_EQ(changes(), 0);
}

TEST_F(RequestGuardTest, LimitsTheRateOfOneClient) {
  guard->set_rules({.requests_per_second = 1, .burst = 2});
  EXPECT_EQ(get(kBob).status, 200);
  EXPECT_EQ(get(kBob).status, 200);
  const Response refused = get(kBob);
  EXPECT_EQ(refused.status, 429);
  EXPECT_EQ(header_of(refused, "Retry-After"), "1");
  EXPECT_EQ(ask(remote("GET", kBob, read_token)).status, 200) << "another client";
  Request later = local("GET", kBob);
  later.began_us = kNow + kSecond;
  EXPECT_EQ(ask(later).status, 200);
}

TEST_F(RequestGuardTest, MonitoringIsNotLimitedOverTheUnixSocket) {
  guard->set_rules({.requests_per_second = 1, .burst = 1});
  for (int i = 0; i < 20; ++i) {
    EXPECT_EQ(get("/healthz").status, 200);
    EXPECT_EQ(get("/metrics").status, 200);
  }
  EXPECT_EQ(ask(remote("GET", "/metrics", read_token)).status, 200);
  EXPECT_EQ(ask(remote("GET", "/metrics", read_token)).status, 429);
  EXPECT_EQ(ask(remote("GET", "/healthz", "")).status, 200);
  EXPECT_EQ(ask(remote("GET", "/healthz", "")).status, 429);
}

TEST_F(RequestGuardTest, NewRulesHoldAtOnce) {
  guard->set_rules({.requests_per_second = 1, .burst = 1});
  EXPECT_EQ(get(kBob).status, 200);
  EXPECT_EQ(get(kBob).status, 429);
  guard->set_rules({.requests_per_second = 1000, .burst = 1000});
  Request later = local("GET", kBob);
  later.began_us = kNow + kSecond / 10;
  EXPECT_EQ(ask(later).status, 200);
}

TEST_F(RequestGuardTest, WrongTokensShareOneBucketAndStopNobodyElse) {
  for (int i = 0; i < 10; ++i) EXPECT_EQ(ask(remote("GET", kBob, "npt_x_" + std::to_string(i))).status, 401);
  const Response refused = ask(remote("GET", kBob, "npt_y"));
  EXPECT_EQ(refused.status, 429);
  EXPECT_EQ(header_of(refused, "Retry-After"), "1");
  EXPECT_EQ(ask(remote("GET", kBob, read_token)).status, 200);
  Request later = remote("GET", kBob, "npt_y");
  later.began_us = kNow + kSecond;
  EXPECT_EQ(ask(later).status, 401);
}

struct Needing {
  const char* method;
  const char* path;
  Feature feature;
  int status;  // when the feature is on
};
constexpr Needing kNeeding[] = {
    {"POST", "/api/v1/accounts/bob/smtp", NP_EMAIL_RATE_LIMITING, 400},
    {"POST", "/api/v1/accounts/bob/drain", NP_PROGRESS_TRACKING, 202},
    {"POST", "/api/v1/reload", NP_GRACEFUL_RELOADS, 200},
    {"GET", "/api/v1/config", NP_CONFIG_LAYERING, 200},
    {"GET", "/api/v1/config/versions", NP_CONFIG_LAYERING, 200},
    {"GET", "/api/v1/config/versions/77", NP_CONFIG_LAYERING, 404},
    {"GET", "/api/v1/audit", NP_AUDIT_LOGS_V2, 200},
    {"GET", "/api/v1/jobs", NP_PROGRESS_TRACKING, 200},
    {"GET", "/api/v1/jobs/77", NP_PROGRESS_TRACKING, 404},
    {"POST", "/api/v1/apply", NP_PROGRESS_TRACKING, 202},
    {"POST", "/api/v1/backup", NP_PROGRESS_TRACKING, 202},
};

TEST_F(RequestGuardTest, RoutesOfAFeatureThatIsOffNameIt) {
  for (const Needing& row : kNeeding) {
    EXPECT_EQ(ask(local(row.method, row.path)).status, row.status) << row.path;
    turn(row.feature, false);
    const Response refused = ask(local(row.method, row.path));
    const std::string name = info(row.feature).name;
    EXPECT_EQ(refused.status, 403) << row.path;
    EXPECT_EQ(json_of(refused)["feature"], name);
    EXPECT_NE(detail_of(refused).find("npanelctl feature enable " + name), std::string::npos);
    turn(row.feature, true);
  }
}

TEST_F(RequestGuardTest, OtherRoutesNeedNoFeature) {
  for (const Feature feature : kAllFeatures)
    if (info(feature).available) turn(feature, false);
  for (const char* path : {"/healthz", "/metrics", "/api/v1/status", "/api/v1/failures", "/api/v1/events",
                           "/api/v1/stats", kAccounts, kBob, "/api/v1/features", "/api/v1/tokens"})
    EXPECT_EQ(get(path).status, 200) << path;
  EXPECT_EQ(patch(kBob, kLimits).status, 200);
  EXPECT_EQ(post(kAccounts, R"({"name":"ann"})").status, 201);
  EXPECT_EQ(ask(local("DELETE", "/api/v1/accounts/ann")).status, 204);
}

TEST_F(RequestGuardTest, RefusesALargeBody) {
  Request request = local("POST", kAccounts);
  request.too_large = true;
  const Response response = ask(request);
  EXPECT_EQ(response.status, 413);
  EXPECT_EQ(field_of(response), "body");
}

TEST_F(RequestGuardTest, AnswersTheSecondTimeAsTheFirst) {
  const Headers key{{"idempotency-key", "k1"}};
  const Response first = post(kAccounts, R"({"name":"ann"})", key);
  const Response second = post(kAccounts, R"({"name":"ann"})", key);
  EXPECT_EQ(first.status, 201);
  EXPECT_EQ(second.status, 201);
  EXPECT_EQ(second.body, first.body);
  EXPECT_EQ(second.content_type, "application/json");
  EXPECT_EQ(header_of(first, "Idempotency-Replayed"), "");
  EXPECT_EQ(header_of(second, "Idempotency-Replayed"), "true");
  EXPECT_EQ(changes(), 1);
}

TEST_F(RequestGuardTest, ReplaysEveryHeaderOfTheFirstAnswer) {
  const Response made = post(kAccounts, R"({"name":"ann"})", {{"idempotency-key", "k1"}});
  const Response again = post(kAccounts, R"({"name":"ann"})", {{"idempotency-key", "k1"}});
  EXPECT_NE(header_of(made, "ETag"), "");
  EXPECT_EQ(header_of(again, "ETag"), header_of(made, "ETag"));
  const std::string drain = std::string(kBob) + "/drain";
  for (int i = 0; i < 2; ++i)
    EXPECT_EQ(header_of(post(drain, "", {{"idempotency-key", "k2"}}), "Location"), "/api/v1/jobs/1");
}

TEST_F(RequestGuardTest, AKeyWorksOnEveryMethodThatChanges) {
  for (int i = 0; i < 2; ++i) {
    const Response changed = patch(kBob, kLimits, {{"idempotency-key", "k1"}});
    EXPECT_EQ(changed.status, 200);
    EXPECT_EQ(header_of(changed, "ETag"), header_of(get(kBob), "ETag"));
    EXPECT_EQ(header_of(changed, "Idempotency-Replayed"), i == 0 ? "" : "true");
  }
  EXPECT_EQ(changes(), 1);
  EXPECT_EQ(patch(kBob, R"({"limits":{"pids_max":33}})", {{"idempotency-key", "k1"}}).status, 422);
  EXPECT_EQ(patch(kBob, kLimits, {{"idempotency-key", "k1"}, {"if-match", "*"}}).status, 422)
      << "on another condition it is another request";
  for (int i = 0; i < 2; ++i)
    EXPECT_EQ(ask(local("DELETE", kBob, "", {{"idempotency-key", "k2"}})).status, 204) << "gone is gone, once";
  EXPECT_EQ(ask(local("DELETE", kBob)).status, 404);
  EXPECT_EQ(changes(), 2);
  make_token("old", "read");
  for (int i = 0; i < 2; ++i)
    EXPECT_EQ(ask(local("DELETE", "/api/v1/tokens/old", "", {{"idempotency-key", "k3"}})).status, 204);
  EXPECT_EQ(changes(), 4) << "made and revoked";
}

// A process that sleeps until the test is done with it, or ends.
class Sleeper {
 public:
  Sleeper() {
    if (pid_ != 0) return;
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    ::pause();
    ::_exit(0);
  }
  ~Sleeper() {
    ::kill(pid_, SIGKILL);
    ::waitpid(pid_, nullptr, 0);
  }
  Sleeper(const Sleeper&) = delete;
  Sleeper& operator=(const Sleeper&) = delete;
  [[nodiscard]] std::string pid() const { return std::to_string(pid_); }

 private:
  const pid_t pid_ = ::fork();
};

// bob has no uid, so no process is his: root alone may say that it is.
TEST_F(RequestGuardTest, RefusalOfThisCallerIsForbidden) {
  const Sleeper sleeper;
  const std::string path = std::string(kBob) + "/processes";
  const std::string body = R"({"pid":)" + sleeper.pid() + "}";
  Request member = local("POST", path, body);
  member.uid = 1000;
  for (const Request& request : {member, remote("POST", path, write_token, body)}) {
    const Response refused = ask(request);
    EXPECT_EQ(refused.status, 403) << refused.body;
    EXPECT_EQ(field_of(refused), "pid");
  }
  EXPECT_EQ(changes(), 0);
  EXPECT_EQ(ask(local("POST", path, body)).status, 204);
  EXPECT_EQ(last_change().action, "account.add_process");
}

// Killed between the change, which brings its key along, and the answer.
TEST_F(RequestGuardTest, AChangeWhoseAnswerWasLostIsAnsweredAsIfItWereTheFirstTime) {
  const Sleeper sleeper;
  make_token("old", "read");
  const MailThrottle throttle{.cause = ThrottleCause::content, .percent = 50, .until_ms = now_ms() + 3'600'000};
  ASSERT_TRUE(Store::open(directory.path("npanel.db"))->put("bob", MailDecisions{.throttle = throttle}, {}));
  ASSERT_TRUE(remember_loss(directory.path("npanel.db"), {.found_ms = 1}));
  start();
  struct Change {
    const char* method;
    std::string path;
    std::string body;
    int status;
  };
  const std::string bob = kBob;
  const std::vector<Change> rows{
      {"POST", kAccounts, R"({"name":"ann"})", 201},
      {"PATCH", bob, kLimits, 200},
      {"POST", bob + "/suspend", "", 200},
      {"POST", bob + "/resume", "", 200},
      {"POST", bob + "/smtp", R"({"per_minute":7})", 200},
      {"POST", bob + "/mail/raise", R"({"messages_per_hour":1000,"seconds":60})", 200},
      {"DELETE", bob + "/mail/raise", "", 200},
      {"DELETE", bob + "/mail/throttle", "", 200},
      {"POST", bob + "/processes", R"({"pid":)" + sleeper.pid() + "}", 204},
      {"PATCH", "/api/v1/features/email_rate_limiting", R"({"mode":"observe"})", 200},
      {"POST", "/api/v1/features/email_rate_limiting/overrides", R"({"account":"bob","enabled":false})", 200},
      {"DELETE", "/api/v1/tokens/old", "", 204},
      {"POST", "/api/v1/lost-accounts/confirm", "", 200},
      {"PATCH", bob, R"({"name":"bobby"})", 200},
      {"DELETE", "/api/v1/accounts/bobby", "", 204},
  };
  for (size_t i = 0; i < rows.size(); ++i) {
    const Change& change = rows[i];
    const Headers key{{"idempotency-key", "k" + std::to_string(i)}};
    const Request request = local(change.method, change.path, change.body, key);
    const int before = changes();
    loses_answers = true;
    const Response first = ask(request);
    const int after = changes();
    EXPECT_GT(after, before) << change.method << " " << change.path;
    EXPECT_EQ(first.status, change.status) << change.path << first.body;
    loses_answers = false;
    const Response second = ask(request);
    EXPECT_EQ(second.status, change.status) << change.path << second.body;
    EXPECT_EQ(second.body, first.body) << change.path;
    EXPECT_EQ(header_of(second, "ETag"), header_of(first, "ETag")) << change.path;
    EXPECT_EQ(header_of(second, "Idempotency-Replayed"), "true") << change.path;
    {
      const SQLite::Database held = hold_database();
      EXPECT_EQ(ask(request).body, first.body) << "kept now";
    }
    EXPECT_EQ(changes(), after) << change.method << " " << change.path;
  }
}

TEST_F(RequestGuardTest, AConditionThatHeldBeforeALostAnswerIsNotAskedForAgain) {
  const Headers key{{"idempotency-key", "k1"}, {"if-match", header_of(get(kBob), "ETag")}};
  loses_answers = true;
  EXPECT_EQ(patch(kBob, kLimits, key).status, 200);
  loses_answers = false;
  EXPECT_EQ(patch(kBob, kLimits, key).status, 200);
}

// A job ends with the agent that runs it.
TEST_F(RequestGuardTest, AJobWhoseStartWasNotAnsweredIsStartedAgain) {
  const std::string drain = std::string(kBob) + "/drain";
  const Headers key{{"idempotency-key", "k1"}};
  loses_answers = true;
  EXPECT_EQ(header_of(post(drain, "", key), "Location"), "/api/v1/jobs/1");
  loses_answers = false;
  for (int i = 0; i < 2; ++i) EXPECT_EQ(header_of(post(drain, "", key), "Location"), "/api/v1/jobs/2");
}

// Without what the agent's process uses, which each request adds to.
std::string without_own_use(const std::string& metrics) {
  std::istringstream lines(metrics);
  std::string rest;
  for (std::string line; std::getline(lines, line);)
    if (!line.starts_with("npanel_agent_cpu_") && !line.starts_with("npanel_agent_resident_")) rest += line + "\n";
  return rest;
}

TEST_F(RequestGuardTest, HeadIsAnsweredWhereverGetIs) {
  for (const char* path : {kBob, kAccounts, "/healthz", "/metrics", "/api/v1/accounts/bob/stats"}) {
    const Response head = ask(local("HEAD", path));
    const Response whole = get(path);
    EXPECT_EQ(head.status, 200) << path;
    EXPECT_EQ(without_own_use(head.body), without_own_use(whole.body)) << "the server keeps it to itself";
    EXPECT_FALSE(head.body.empty());
    EXPECT_EQ(header_of(head, "ETag"), header_of(whole, "ETag"));
  }
  EXPECT_EQ(ask(local("HEAD", kBob, "", {{"if-none-match", header_of(get(kBob), "ETag")}})).status, 304);
  EXPECT_EQ(ask(remote("HEAD", kBob, read_token)).status, 200) << "reading is enough";
  const Response refused = ask(local("HEAD", "/api/v1/accounts/bob/suspend"));
  EXPECT_EQ(refused.status, 405);
  EXPECT_EQ(header_of(refused, "Allow"), "POST");
}

TEST_F(RequestGuardTest, ReplaysRefusalsToo) {
  const Headers key{{"idempotency-key", "k1"}};
  const Response first = post(kAccounts, R"({"name":"-"})", key);
  const Response second = post(kAccounts, R"({"name":"-"})", key);
  EXPECT_EQ(second.status, 400);
  EXPECT_EQ(second.body, first.body);
  EXPECT_EQ(second.content_type, "application/problem+json");
}

TEST_F(RequestGuardTest, RefusesAKeyThatCameWithAnotherRequest) {
  const Headers key{{"idempotency-key", "k1"}};
  EXPECT_EQ(post(kAccounts, R"({"name":"ann"})", key).status, 201);
  for (const Response& response :
       {post(kAccounts, R"({"name":"eve"})", key), post("/api/v1/apply", R"({"name":"ann"})", key)}) {
    EXPECT_EQ(response.status, 422);
    EXPECT_EQ(field_of(response), "Idempotency-Key");
  }
  EXPECT_EQ(changes(), 1);
  EXPECT_EQ(ask(remote("POST", kAccounts, write_token, R"({"name":"eve"})", key)).status, 201) << "another client";
}

TEST_F(RequestGuardTest, RefusesABadKey) {
  for (const std::string& key : {std::string(), std::string(65, 'k'), std::string("a b"), std::string("k\x7f"),
                                 std::string("schlüssel"), std::string("k1, k2"), std::string("k\t")}) {
    const Response response = post(kAccounts, R"({"name":"ann"})", {{"idempotency-key", key}});
    EXPECT_EQ(response.status, 400) << key;
    EXPECT_EQ(field_of(response), "Idempotency-Key");
  }
  EXPECT_EQ(changes(), 0);
  EXPECT_EQ(post(kAccounts, R"({"name":"ann"})", {{"idempotency-key", std::string(64, '~')}}).status, 201);
}

// The disk takes the answer that it did not take the change.
TEST_F(RequestGuardTest, KeepsNoFailure) {
  bool fails = true;
  Router router;
  router.add({{.method = "POST",
               .path = kAccounts,
               .handler = [&](const Call&) -> Result<Response> {
                 if (fails) return failure("disk full", ENOSPC);
                 return ok(Json::object(), 201);
               },
               .action = "account.create"}});
  RequestGuard asking(std::move(router), agent->guard_sources(), RateRules{});
  const Request request = local("POST", kAccounts, "{}", {{"idempotency-key", "k1"}});
  EXPECT_EQ(asking.answer(request).status, 503);
  EXPECT_EQ(kept(), 0);
  fails = false;
  EXPECT_EQ(asking.answer(request).status, 201);
  EXPECT_EQ(kept(), 1);
}

TEST_F(RequestGuardTest, KeepsNoAnswerThatAnotherTryWouldBetter) {
  const Headers key{{"idempotency-key", "k1"}};
  {
    const SQLite::Database held = hold_database();
    EXPECT_EQ(post(kAccounts, R"({"name":"ann"})", key).status, 503);
  }
  EXPECT_EQ(kept(), 0);
  EXPECT_EQ(post(kAccounts, R"({"name":"ann"})", key).status, 201);
  forget_kept();
  guard->set_rules({.requests_per_second = 1, .burst = 1});
  Request request = local("POST", "/api/v1/apply", "", key);
  request.began_us = kNow + 100 * kSecond;
  EXPECT_EQ(ask(request).status, 202);
  forget_kept();
  EXPECT_EQ(ask(request).status, 429);
  EXPECT_EQ(kept(), 0);
}

TEST_F(RequestGuardTest, KeepsNothingWithoutAKeyOrOfAGet) {
  post(kAccounts, R"({"name":"ann"})");
  get(kBob, {{"idempotency-key", "k1"}});
  ask(local("HEAD", kBob, "", {{"idempotency-key", "k1"}}));
  EXPECT_EQ(kept(), 0);
}

TEST_F(RequestGuardTest, KeepsNoSecret) {
  const Response response = post("/api/v1/tokens", R"({"name":"a","scope":"read"})", {{"idempotency-key", "k1"}});
  EXPECT_EQ(response.status, 400);
  EXPECT_EQ(field_of(response), "Idempotency-Key");
  EXPECT_EQ(kept(), 0);
  EXPECT_EQ(changes(), 0);
}

TEST_F(RequestGuardTest, AuditsRefusedChanges) {
  patch(kBob, R"({"limits":{"pids_max":3}})", {{"user-agent", "npanelctl/0.1.0"}});
  ASSERT_EQ(refusals.size(), 1u);
  const AuditEntry entry = refusals.front();
  EXPECT_EQ(entry.actor, "uid 0 (root)");
  EXPECT_EQ(entry.source, "cli");
  EXPECT_EQ(entry.action, "account.change");
  EXPECT_EQ(entry.account, "bob");
  EXPECT_EQ(entry.target, "");
  EXPECT_EQ(entry.request_id, "id-1");
  EXPECT_EQ(entry.result.find("limits.pids_max must be a whole number from 10"), 0u) << entry.result;
  EXPECT_GT(entry.at_ms, 0);
  EXPECT_GE(entry.duration_us, 0);
}

struct Audited {
  Request request;
  const char* actor;
  const char* action;
  const char* account;
  const char* target;
};

TEST_F(RequestGuardTest, AuditsEveryKindOfRefusal) {
  const Audited rows[] = {
      {local("POST", kAccounts, "{"), "uid 0 (root)", "account.create", "", ""},
      {local("PATCH", "/api/v1/accounts/eve", kLimits), "uid 0 (root)", "account.change", "eve", ""},
      {local("DELETE", "/api/v1/accounts/eve"), "uid 0 (root)", "account.delete", "eve", ""},
      {local("POST", "/api/v1/accounts/eve/suspend"), "uid 0 (root)", "account.suspend", "eve", ""},
      {local("POST", "/api/v1/accounts/eve/resume"), "uid 0 (root)", "account.resume", "eve", ""},
      {local("POST", "/api/v1/accounts/eve/smtp", "{}"), "uid 0 (root)", "account.smtp", "eve", ""},
      {local("POST", "/api/v1/accounts/eve/processes", R"({"pid":1})"), "uid 0 (root)", "account.add_process", "eve",
       ""},
      {local("POST", "/api/v1/accounts/eve/drain"), "uid 0 (root)", "account.drain", "eve", ""},
      {local("PATCH", "/api/v1/features/nothing", "{}"), "uid 0 (root)", "feature.change", "", "nothing"},
      {local("POST", "/api/v1/features/agent_watchdog/overrides", "{}"), "uid 0 (root)", "feature.override", "",
       "agent_watchdog"},
      {local("POST", "/api/v1/tokens", "{}"), "uid 0 (root)", "token.create", "", ""},
      {local("DELETE", "/api/v1/tokens/old"), "uid 0 (root)", "token.revoke", "", "old"},
      {remote("POST", "/api/v1/tokens/panel/rotate", write_token), "token panel", "token.rotate", "", "panel"},
      {remote("POST", "/api/v1/reload", read_token), "token graph", "config.reload", "", ""},
      {remote("POST", "/api/v1/apply", "npt_wrong_x"), "unknown", "apply", "", ""},
      {remote("POST", "/api/v1/backup", ""), "unknown", "backup", "", ""},
      {local("PUT", kBob), "uid 0 (root)", "request", "", ""},
      {remote("DELETE", "/nowhere", read_token), "token graph", "request", "", ""},
  };
  for (const Audited& row : rows) {
    refusals.clear();
    const Response response = ask(row.request);
    EXPECT_GE(response.status, 400);
    ASSERT_EQ(refusals.size(), 1u) << row.action;
    const AuditEntry entry = refusals.front();
    EXPECT_EQ(entry.actor, row.actor);
    EXPECT_EQ(entry.action, row.action);
    EXPECT_EQ(entry.account.value_or(""), row.account);
    EXPECT_EQ(entry.target, row.target);
    EXPECT_EQ(entry.result.substr(0, 40), detail_of(response).substr(0, 40));
  }
}

TEST_F(RequestGuardTest, AuditsNothingElse) {
  get("/nowhere");
  get("/api/v1/accounts/eve");
  get("/api/v1/events?limit=0");
  ask(remote("GET", kBob, ""));
  ask(remote("POST", "/nowhere", ""));  // by nobody, and nothing asked for
  patch(kBob, kLimits);                 // done: who does it writes it down
  EXPECT_TRUE(refusals.empty());
}

TEST_F(RequestGuardTest, AuditsAFloodOnce) {
  guard->set_rules({.requests_per_second = 1, .burst = 1});
  for (int i = 0; i < 50; ++i) ask(remote("POST", "/api/v1/apply", "npt_wrong_x"));
  EXPECT_EQ(refusals.size(), 11u) << "ten wrong tokens, and one that there are too many";
  refusals.clear();
  for (int i = 0; i < 50; ++i) post("/api/v1/apply");
  EXPECT_EQ(refusals.size(), 1u);
  refusals.clear();
  for (int i = 0; i < 50; ++i) ask(local("PUT", kBob));
  EXPECT_TRUE(refusals.empty());
}

TEST_F(RequestGuardTest, AuditsNoSecretsAndNoBodies) {
  const std::string secret = "npt_panel_AbCdEfGhIjKlMnOpQrStUvWxYz0123456789_-AbCdE";
  std::string large_key = R"({")" + std::string(60'000, 'x');
  large_key.append(secret).append(R"(":1})");
  for (const Request& request :
       {local("POST", "/api/v1/tokens", "{\"" + secret + "\":1}"),
        local("POST", "/api/v1/tokens", R"({"name":"a","scope":")" + secret + "\"}"),
        local("POST", "/api/v1/tokens", R"({"name":")" + secret + R"(","scope":"read"})"),
        local("DELETE", "/api/v1/tokens/" + secret), local("POST", "/api/v1/tokens/" + secret + "/rotate"),
        local("POST", "/api/v1/" + secret), local("DELETE", "/api/v1/accounts/" + secret),
        local("PATCH", "/api/v1/features/" + secret, "{}"), local("PATCH", kBob, large_key),
        remote("DELETE", kBob, secret), local("POST", "/api/v1/accounts?" + secret + "=%", "{}"),
        local("PATCH", kBob, "{\"" + std::string(198, 'a') + "ä\":1}")}) {
    refusals.clear();
    ask(request);
    ASSERT_EQ(refusals.size(), 1u) << request.path;
    const AuditEntry& entry = refusals.front();
    for (const std::string& text : {entry.result, entry.target, entry.account.value_or(""), entry.before, entry.after})
      EXPECT_EQ(text.find("AbCdEf"), std::string::npos) << text;
    EXPECT_LE(entry.result.size(), 204u);
    EXPECT_FALSE(entry.result.empty());
    EXPECT_NO_THROW(Json(entry.result).dump()) << "is no UTF-8";
  }
}

}  // namespace
}  // namespace npanel
