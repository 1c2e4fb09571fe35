// SPDX-License-Identifier: Apache-2.0
#include "api/router.h"
#include "base/digest.h"
#include "unit/api/visit.h"

namespace npanel {
namespace {

constexpr const char* kAccounts = "/api/v1/accounts";
constexpr const char* kBob = "/api/v1/accounts/bob";
constexpr const char* kWatchdog = "/api/v1/features/agent_watchdog";
constexpr const char* kIsolation = "/api/v1/features/cgroups_isolation";
constexpr const char* kLimits = R"({"limits":{"pids_max":32}})";

class Routes : public Visit {
 protected:
  static std::vector<std::string> names(const Response& response, const char* list, const char* key = "name") {
    const Json body = json_of(response);
    std::vector<std::string> all;
    for (const Json& item : body[list]) all.push_back(item[key]);
    return all;
  }
};

using Names = std::vector<std::string>;

TEST_F(Routes, HealthSaysWhatTheWatchdogMayDo) {
  EXPECT_EQ(json_of(get("/healthz")), Json::parse(R"({"status":"ok","reasons":[],"watchdog":"enforce"})"));
  service.enable(NP_AGENT_WATCHDOG, {.enabled = true, .mode = FeatureMode::observe});
  EXPECT_EQ(json_of(get("/healthz"))["watchdog"], "observe");
  service.enable(NP_AGENT_WATCHDOG, {.enabled = false});
  service.wrong = {"no io controller"};
  EXPECT_EQ(json_of(get("/healthz")),
            Json::parse(R"({"status":"degraded","reasons":["no io controller"],"watchdog":"off"})"));
}

TEST_F(Routes, AnAccountSaysWhatTheFeaturesLetThrough) {
  service.views["bob"].isolation = FeatureMode::enforce;
  service.views["bob"].mail = FeatureMode::observe;
  EXPECT_EQ(json_of(get(kBob))["features"],
            Json::parse(R"({"cgroups_isolation":"enforce","email_rate_limiting":"observe"})"));
}

TEST_F(Routes, ListsAccountsByPages) {
  service.add("ann");
  service.add("eve");
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

TEST_F(Routes, ListsEventsByPages) {
  for (int i = 0; i < 5; ++i) ledger.note(event_now("bob", "suspended"));
  const Json page = json_of(get("/api/v1/events?limit=2&below=5"));
  EXPECT_EQ(page["events"].size(), 2u);
  EXPECT_EQ(page["events"][0]["id"], 4);
  EXPECT_EQ(page["next"], 3);
  EXPECT_TRUE(json_of(get("/api/v1/events?limit=2&below=2"))["next"].is_null());
}

struct WrongQuery {
  const char* target;
  const char* field;
};
constexpr WrongQuery kWrongQueries[] = {
    {"/api/v1/accounts?limit=0", "limit"},
    {"/api/v1/accounts?limit=1001", "limit"},
    {"/api/v1/accounts?limit", "limit"},
    {"/api/v1/accounts?after=../x", "name"},
    {"/api/v1/accounts?below=1", "below"},
    {"/api/v1/stats?limit=x", "limit"},
    {"/api/v1/events?below=0", "below"},
    {"/api/v1/events?below=-1", "below"},
    {"/api/v1/events?account=", "name"},
    {"/api/v1/events?account=bob%00", "account"},
    {"/api/v1/events?after=bob", "after"},
    {"/api/v1/failures?limit=0", "limit"},
    {"/api/v1/audit?colour=red", "colour"},
    {"/api/v1/audit?actor=", "actor"},
    {"/api/v1/audit?action=", "action"},
    {"/api/v1/audit?text=", "text"},
    {"/api/v1/audit?text=%zz", "text"},
    {"/api/v1/audit?text=%4", "text"},
    {"/api/v1/audit?from=yesterday", "from"},
    {"/api/v1/audit?until=2026-11-22", "until"},
    {"/api/v1/audit?below=x", "below"},
    {"/api/v1/audit?limit=1001", "limit"},
    {"/api/v1/audit?account=-A", "name"},
    {"/api/v1/config/versions?limit=0", "limit"},
    {"/api/v1/config/versions/0", "id"},
    {"/api/v1/config/versions/x", "id"},
    {"/api/v1/config/versions/-1", "id"},
    {"/api/v1/config/versions/9223372036854775808", "id"},
    {"/api/v1/jobs/", "id"},
    {"/api/v1/jobs/1.5", "id"},
    {"/api/v1/accounts/.bob", "name"},
    {"/api/v1/accounts/b%2Eob", "name"},
};

TEST_F(Routes, RefuseWrongQueriesAndNames) {
  for (const WrongQuery& row : kWrongQueries) {
    const Response response = get(row.target);
    EXPECT_EQ(response.status, 400) << row.target;
    EXPECT_EQ(field_of(response), row.field) << row.target;
    EXPECT_EQ(response.content_type, "application/problem+json");
  }
}

struct WrongBody {
  const char* method;
  const char* path;
  const char* body;
  const char* field;
};
constexpr WrongBody kWrongBodies[] = {
    {"POST", kAccounts, "", "body"},
    {"POST", kAccounts, "{}", "name"},
    {"POST", kAccounts, R"({"name":5})", "name"},
    {"POST", kAccounts, R"({"name":"ann","colour":1})", "colour"},
    {"PATCH", kBob, R"({"limits":5})", "limits"},
    {"PATCH", kWatchdog, "[]", "body"},
    {"PATCH", kWatchdog, R"({"state":true})", "state"},
    {"PATCH", kWatchdog, R"({"enabled":1})", "enabled"},
    {"PATCH", kWatchdog, R"({"enabled":null})", "enabled"},
    {"PATCH", kWatchdog, R"({"mode":"off"})", "mode"},
    {"PATCH", kWatchdog, R"({"mode":1})", "mode"},
    {"PATCH", kWatchdog, R"({"rollout":101})", "rollout"},
    {"PATCH", kWatchdog, R"({"rollout":-1})", "rollout"},
    {"PATCH", kWatchdog, R"({"rollout":"50"})", "rollout"},
    {"PATCH", kWatchdog, R"({"rollout":50})", "rollout"},    // of the whole server
    {"PATCH", kIsolation, R"({"mode":"observe"})", "mode"},  // cannot be observed
    {"PATCH", "/api/v1/features/quota_enforcement", R"({"enabled":true})", "enabled"},
    {"POST", "/api/v1/features/cgroups_isolation/overrides", "{}", "account"},
    {"POST", "/api/v1/features/cgroups_isolation/overrides", R"({"account":"-B","enabled":true})", "account"},
    {"POST", "/api/v1/features/cgroups_isolation/overrides", R"({"account":"bob"})", "enabled"},
    {"POST", "/api/v1/features/cgroups_isolation/overrides", R"({"account":"bob","enabled":"on"})", "enabled"},
    {"POST", "/api/v1/features/cgroups_isolation/overrides", R"({"account":"bob","enabled":true,"x":1})", "x"},
    {"POST", "/api/v1/tokens", R"({"scope":"read"})", "name"},
    {"POST", "/api/v1/tokens", R"({"name":"A","scope":"read"})", "name"},
    {"POST", "/api/v1/tokens", R"({"name":"a"})", "scope"},
    {"POST", "/api/v1/tokens", R"({"name":"a","scope":"all"})", "scope"},
    {"POST", "/api/v1/tokens", R"({"name":"a","scope":1})", "scope"},
    {"POST", "/api/v1/tokens", R"({"name":"a","scope":"read","token":"npt_"})", "token"},
    {"POST", "/api/v1/tokens/A/rotate", "", "name"},
    {"DELETE", "/api/v1/tokens/A", "", "name"},
    {"POST", "/api/v1/accounts/bob/drain", "[]", "body"},
    {"POST", "/api/v1/accounts/bob/drain", R"({"grace_seconds":601})", "grace_seconds"},
    {"POST", "/api/v1/accounts/bob/drain", R"({"grace_seconds":-1})", "grace_seconds"},
    {"POST", "/api/v1/accounts/bob/drain", R"({"grace":1})", "grace"},
};

TEST_F(Routes, RefuseWrongBodies) {
  for (const WrongBody& row : kWrongBodies) {
    const Response response = ask(local(row.method, row.path, row.body));
    EXPECT_EQ(response.status, 400) << row.path << row.body;
    EXPECT_EQ(field_of(response), row.field) << row.path << row.body;
  }
  EXPECT_EQ(service.changes, 0);
}

TEST_F(Routes, AFeatureIsShownAndChanged) {
  service.add("ann");
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

TEST_F(Routes, AnUnknownFeatureIsAnsweredWithTheKnownOnes) {
  const Response response = get("/api/v1/features/email_rate_limit");
  EXPECT_EQ(response.status, 404);
  EXPECT_NE(detail_of(response).find("email_rate_limiting"), std::string::npos);
  EXPECT_EQ(patch("/api/v1/features/x", "{}").status, 404);
  EXPECT_EQ(post("/api/v1/features/x/overrides", R"({"account":"bob","enabled":true})").status, 404);
  EXPECT_EQ(post("/api/v1/features/cgroups_isolation/overrides", R"({"account":"eve","enabled":true})").status, 404);
}

TEST_F(Routes, TheAuditTrailIsSearched) {
  AuditEntry entry{.at_ms = 1500,
                   .actor = "uid 0 (root)",
                   .source = "cli",
                   .action = "account.change",
                   .account = "bob",
                   .before = R"({"a":"a&b"})",
                   .result = "ok",
                   .duration_us = 12,
                   .request_id = "r"};
  ledger.note(entry);
  entry.account = "ann";
  ledger.note(entry);
  const std::string query =
      "/api/v1/audit?account=bob&actor=uid%200%20%28root%29&action=account.&text=a%26b&from=1970-01-01T00:00:01Z"
      "&until=1970-01-01T01:00:02%2B01:00&below=2&limit=1";
  EXPECT_EQ(json_of(get(query)),
            Json::parse(R"json({"entries":[{"id":1,"time":"1970-01-01T00:00:01.500Z","actor":"uid 0 (root)",)json"
                        R"("source":"cli","action":"account.change","account":"bob","target":null,)"
                        R"("before":{"a":"a&b"},"after":null,"result":"ok","duration_us":12,)"
                        R"("request_id":"r"}],"next":1})"));
  for (const char* other : {"account=eve", "actor=eve", "action=feature.", "text=c", "from=1970-01-01T00:00:02Z",
                            "until=1970-01-01T00:00:01Z", "below=1"})
    EXPECT_EQ(json_of(get("/api/v1/audit?" + std::string(other)))["entries"], Json::array()) << other;
  EXPECT_EQ(names(get("/api/v1/audit"), "entries", "account"), (Names{"ann", "bob"})) << "newest first";
}

TEST_F(Routes, ATokenIsToldOnce) {
  const Response made = post("/api/v1/tokens", R"({"name":"panel","scope":"write"})");
  EXPECT_EQ(made.status, 201);
  EXPECT_EQ(header_of(made, "Cache-Control"), "no-store");
  const std::string secret = json_of(made)["token"];
  EXPECT_TRUE(secret.starts_with("npt_panel_")) << secret;
  EXPECT_EQ(json_of(made)["scope"], "write");
  const Response list = get("/api/v1/tokens");
  EXPECT_EQ(names(list, "tokens"), (Names{"panel"}));
  EXPECT_EQ(list.body.find(secret), std::string::npos);
  EXPECT_EQ(list.body.find(sha256_hex(secret)), std::string::npos);
  const Response rotated = post("/api/v1/tokens/panel/rotate");
  EXPECT_EQ(rotated.status, 200);
  EXPECT_NE(json_of(rotated)["token"], secret);
  EXPECT_EQ(ask(local("DELETE", "/api/v1/tokens/panel")).status, 204);
  EXPECT_EQ(ask(local("DELETE", "/api/v1/tokens/panel")).status, 404);
}

TEST_F(Routes, TheConfigurationSaysWhereItComesFrom) {
  service.values = {{.key = "smtp.ports",
                     .now = {"[25]", "/etc/npanel/agent.toml:12"},
                     .hidden = {{"[25, 465]", "built-in"}},
                     .needs_restart = true}};
  EXPECT_EQ(json_of(get("/api/v1/config")),
            Json::parse(R"({"version":null,"values":[{"key":"smtp.ports",)"
                        R"("value":"[25]","origin":"/etc/npanel/agent.toml:12",)"
                        R"("hidden":[{"value":"[25, 465]","origin":"built-in"}],"needs_restart":true}]})"));
  service.versions = {{.id = 2, .at_ms = 0, .actor = "uid 0 (root)", .files = {{"/etc/a.toml", "x = 1\n"}}},
                      {.id = 1, .at_ms = 0, .actor = "agent", .files = {}}};
  EXPECT_EQ(json_of(get("/api/v1/config"))["version"], 2);
  EXPECT_EQ(json_of(get("/api/v1/config/versions?limit=1")),
            Json::parse(R"json({"versions":[{"id":2,"time":"1970-01-01T00:00:00.000Z","actor":"uid 0 (root)",)json"
                        R"("files":["/etc/a.toml"]}]})"));
  EXPECT_EQ(json_of(get("/api/v1/config/versions/2"))["files"], Json::parse(R"({"/etc/a.toml":"x = 1\n"})"));
  EXPECT_EQ(get("/api/v1/config/versions/3").status, 404);
  EXPECT_EQ(json_of(post("/api/v1/reload")),
            Json::parse(R"({"version":7,"changed":["smtp.ports"],"needs_restart":["paths.socket"]})"));
}

TEST_F(Routes, JobsSayHowFarTheyAre) {
  const Response response = post("/api/v1/accounts/bob/drain", R"({"grace_seconds":3})");
  EXPECT_EQ(response.status, 202);
  EXPECT_EQ(header_of(response, "Location"), "/api/v1/jobs/1");
  EXPECT_EQ(service.grace, 3u);
  post("/api/v1/accounts/bob/drain");
  EXPECT_EQ(service.grace, 10u);
  const int64_t id = jobs.begin("drain", "bob");
  jobs.advance(id, 1, 3, "1 of 3");
  jobs.log(id, "SIGTERM");
  Json job = json_of(get("/api/v1/jobs/1"));
  EXPECT_TRUE(job["started"].is_string());
  job.erase("started");
  EXPECT_EQ(job, Json::parse(R"({"id":1,"kind":"drain","account":"bob","state":"running",)"
                             R"("stage":"1 of 3","percent":33.3,"done":1,"total":3,"ended":null,)"
                             R"("eta_seconds":null,"result":null,"log":["SIGTERM"]})"));
  EXPECT_EQ(json_of(get("/api/v1/jobs"))["jobs"].size(), 1u);
  EXPECT_EQ(get("/api/v1/jobs/3").status, 404);
  EXPECT_EQ(post("/api/v1/accounts/eve/drain").status, 404);
  EXPECT_EQ(post("/api/v1/apply").status, 202);
  EXPECT_EQ(post("/api/v1/backup").status, 202);
}

TEST_F(Routes, LostAccountsAreShownAdoptedAndConfirmed) {
  EXPECT_EQ(json_of(get("/api/v1/lost-accounts")),
            Json::parse(R"({"lost":false,"found":null,"taken_over":true,"done":[],"held":[]})"));
  service.lost.loss = AccountLoss{.found_ms = 0, .taken_over = false, .done = {"account bob …"}};
  service.lost.held = {{.directory = "ann"},
                       {.directory = "shop%2Eexample", .smtp = SmtpLimit{}, .mail = MailLimits{}},
                       {.directory = "with.dot"}};
  const Json shown = json_of(get("/api/v1/lost-accounts"));
  EXPECT_EQ(shown["lost"], true);
  EXPECT_EQ(shown["taken_over"], false);
  EXPECT_EQ(shown["done"], Json::array({"account bob …"}));
  EXPECT_EQ(shown["held"][0]["smtp"], nullptr);
  EXPECT_EQ(shown["held"][1]["name"], "shop.example");
  EXPECT_EQ(shown["held"][2]["name"], nullptr);
  EXPECT_EQ(post("/api/v1/lost-accounts/ann/adopt").status, 201);
  EXPECT_EQ(post("/api/v1/lost-accounts/ann/adopt").status, 409);
  EXPECT_EQ(post("/api/v1/lost-accounts/eve/adopt").status, 404);
  EXPECT_EQ(post("/api/v1/lost-accounts/-bob/adopt").status, 400);
  EXPECT_EQ(json_of(post("/api/v1/lost-accounts/confirm"))["lost"], false);
}

TEST_F(Routes, ErrorsOfTheServiceBecomeStatuses) {
  const std::pair<int, int> rows[] = {{EINVAL, 400}, {EACCES, 403}, {ENOENT, 404}, {EEXIST, 409}, {EBUSY, 409},
                                      {ESRCH, 422},  {EPERM, 422},  {ENOSPC, 503}, {0, 503}};
  for (const auto& [code, status] : rows) {
    service.trouble = Error{.text = "no", .code = code, .field = "pid"};
    EXPECT_EQ(post("/api/v1/apply").status, status) << code;
  }
  for (const int code : {EINVAL, EACCES, ESRCH, EPERM, ENOMEM}) {
    service.trouble = Error{.text = "update BPF map np_smtp_limit", .code = code};
    EXPECT_EQ(post("/api/v1/apply").status, 503)
        << code << ": the kernel has refused, and the client asked for nothing wrong";
  }
}

TEST_F(Routes, AnEtagChangesWithWhatTheAdministratorSaid) {
  const std::string before = header_of(get(kBob), "ETag");
  ASSERT_EQ(before.size(), 18u);
  service.views["bob"].degraded = {"no io controller"};
  service.views["bob"].isolation = FeatureMode::enforce;
  EXPECT_EQ(header_of(get(kBob), "ETag"), before) << "of the moment";
  const Response changed = patch(kBob, kLimits);
  EXPECT_NE(header_of(changed, "ETag"), before);
  EXPECT_EQ(header_of(get(kBob), "ETag"), header_of(changed, "ETag"));
  EXPECT_EQ(header_of(get(kWatchdog), "ETag").size(), 18u);
}

TEST_F(Routes, WhoHasTheVersionIsNotSentItAgain) {
  for (const char* path : {kBob, kWatchdog}) {
    const std::string etag = header_of(get(path), "ETag");
    for (const std::string& header : {etag, "W/" + etag, "\"x\", " + etag, std::string("*")}) {
      const Response known = get(path, {{"if-none-match", header}});
      EXPECT_EQ(known.status, 304) << header;
      EXPECT_EQ(known.body, "");
      EXPECT_EQ(header_of(known, "ETag"), etag);
    }
    EXPECT_EQ(get(path, {{"if-none-match", "\"x\""}}).status, 200);
    const Response wrong = get(path, {{"if-none-match", "x"}});
    EXPECT_EQ(wrong.status, 400);
    EXPECT_EQ(field_of(wrong), "If-None-Match");
  }
  EXPECT_EQ(get(kAccounts, {{"if-none-match", "*"}}).status, 200) << "has no ETag";
}

TEST_F(Routes, AChangeOfAnotherVersionIsRefused) {
  const Request rows[] = {
      local("PATCH", kBob, kLimits),
      local("POST", "/api/v1/accounts/bob/suspend"),
      local("POST", "/api/v1/accounts/bob/resume"),
      local("POST", "/api/v1/accounts/bob/smtp", R"({"burst":5})"),
      local("PATCH", kWatchdog, R"({"mode":"observe"})"),
      local("POST", "/api/v1/features/cgroups_isolation/overrides", R"({"account":"bob","enabled":true})"),
      local("DELETE", kBob)};
  for (Request request : rows) {
    const bool of_account = request.path.starts_with(kBob);
    const char* feature = request.path.starts_with(kWatchdog) ? kWatchdog : kIsolation;
    const std::string etag = header_of(get(of_account ? kBob : feature), "ETag");
    const int changes = service.changes;
    request.headers = {{"if-match", "\"0123456789abcdef\", W/" + etag}};
    const Response refused = ask(request);
    EXPECT_EQ(refused.status, 412) << request.path;
    EXPECT_EQ(header_of(refused, "ETag"), etag);
    EXPECT_EQ(field_of(refused), "If-Match");
    request.headers = {{"if-match", "0123"}};
    const Response malformed = ask(request);
    EXPECT_EQ(malformed.status, 400);
    EXPECT_EQ(field_of(malformed), "If-Match");
    EXPECT_EQ(service.changes, changes);
    request.headers = {{"if-match", etag}};
    EXPECT_LT(ask(request).status, 300) << request.path;
    EXPECT_EQ(service.changes, changes + 1);
  }
  EXPECT_EQ(patch(kBob, kLimits, {{"if-match", "*"}}).status, 404) << "is gone";
  service.add("bob");
  EXPECT_EQ(patch(kBob, kLimits, {{"if-match", "*"}}).status, 200);
}

TEST_F(Routes, AnAccountGetsAnotherNameAndAnotherUid) {
  const Response renamed = patch(kBob, R"({"name":"Bob.Smith","uid":4001})");
  EXPECT_EQ(renamed.status, 200) << renamed.body;
  EXPECT_EQ(json_of(renamed)["name"], "Bob.Smith");
  EXPECT_EQ(json_of(renamed)["uid"], 4001);
  EXPECT_EQ(get(kBob).status, 404);
  EXPECT_EQ(get("/api/v1/accounts/Bob.Smith").status, 200);
  EXPECT_TRUE(json_of(patch("/api/v1/accounts/Bob.Smith", R"({"uid":null})"))["uid"].is_null());
  service.add("ann");
  const Response taken = patch("/api/v1/accounts/ann", R"({"name":"Bob.Smith"})");
  EXPECT_EQ(taken.status, 409);
  EXPECT_EQ(field_of(taken), "name");
  for (const char* body : {R"({"uid":65534})", R"({"uid":33})", R"({"name":"a/b"})", R"({"name":null})"})
    EXPECT_EQ(patch("/api/v1/accounts/ann", body).status, 400) << body;
}

TEST_F(Routes, ARunningJobIsCancelledAndOneThatHasEndedIsNot) {
  bool undone = false;
  jobs.begin("apply", std::nullopt, [&] { undone = true; });
  const Response cancelled = post("/api/v1/jobs/1/cancel");
  EXPECT_EQ(cancelled.status, 200) << cancelled.body;
  EXPECT_EQ(json_of(cancelled)["state"], "cancelled");
  EXPECT_TRUE(undone);
  EXPECT_EQ(post("/api/v1/jobs/1/cancel").status, 409);
  EXPECT_EQ(post("/api/v1/jobs/2/cancel").status, 404);
  EXPECT_EQ(field_of(post("/api/v1/jobs/x/cancel")), "id");
}

TEST_F(Routes, AReplayComesBeforeTheVersion) {
  const Headers headers{{"idempotency-key", "k1"}, {"if-match", header_of(get(kBob), "ETag")}};
  EXPECT_EQ(post("/api/v1/accounts/bob/suspend", "", headers).status, 200);
  const Response again = post("/api/v1/accounts/bob/suspend", "", headers);
  EXPECT_EQ(again.status, 200);
  EXPECT_EQ(header_of(again, "Idempotency-Replayed"), "true");
}

}  // namespace
}  // namespace npanel
