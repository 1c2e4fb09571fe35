// SPDX-License-Identifier: Apache-2.0
// What holds for every route: wrong queries, wrong bodies, versions.
#include "unit/api/visit.h"

namespace npanel {
namespace {

constexpr const char* kAccounts = "/api/v1/accounts";
constexpr const char* kBob = "/api/v1/accounts/bob";
constexpr const char* kWatchdog = "/api/v1/features/agent_watchdog";
constexpr const char* kIsolation = "/api/v1/features/cgroups_isolation";
constexpr const char* kLimits = R"({"limits":{"pids_max":32}})";

class Routes : public Visit {};

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
  EXPECT_EQ(changes(), 0);
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
    const int before = changes();
    request.headers = {{"if-match", "\"0123456789abcdef\", W/" + etag}};
    const Response refused = ask(request);
    EXPECT_EQ(refused.status, 412) << request.path;
    EXPECT_EQ(header_of(refused, "ETag"), etag);
    EXPECT_EQ(field_of(refused), "If-Match");
    request.headers = {{"if-match", "0123"}};
    const Response malformed = ask(request);
    EXPECT_EQ(malformed.status, 400);
    EXPECT_EQ(field_of(malformed), "If-Match");
    EXPECT_EQ(changes(), before);
    request.headers = {{"if-match", etag}};
    EXPECT_LT(ask(request).status, 300) << request.path;
    EXPECT_EQ(changes(), before + 1);
  }
  EXPECT_EQ(patch(kBob, kLimits, {{"if-match", "*"}}).status, 404) << "is gone";
  make_account("bob");
  EXPECT_EQ(patch(kBob, kLimits, {{"if-match", "*"}}).status, 200);
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
