// SPDX-License-Identifier: Apache-2.0
#include "api/router.h"

#include "unit/api/requests.h"

namespace npanel {
namespace {

constexpr const char* kBob = "/api/v1/accounts/bob";

// Says what it was called for; of the account "no" it is told the error.
class RouterTest : public testing::Test {
 protected:
  RouterTest() {
    const auto handler = [this](const char* what) {
      return [this, what](const Call& call) -> Result<Response> {
        if (call.name == "no") return std::unexpected(error);
        return ok({{"route", what}, {"name", call.name}, {"query", call.query}});
      };
    };
    router.add({{.method = "GET", .path = "/api/v1/accounts", .handler = handler("list")},
                {.method = "GET", .path = "/api/v1/accounts/*", .handler = handler("show")},
                {.method = "PATCH", .path = "/api/v1/accounts/*", .handler = handler("change")}});
    router.add({{.method = "POST", .path = "/api/v1/accounts/*/suspend", .handler = handler("suspend")},
                {.method = "GET", .path = "/api/v1/features/*", .handler = handler("feature")},
                {.method = "POST", .path = "/api/v1/lost-accounts/*/adopt", .handler = handler("adopt")},
                {.method = "POST", .path = "/api/v1/lost-accounts/confirm", .handler = handler("confirm")},
                {.method = "GET", .path = "/api/v1/tokens/*", .handler = handler("token")}});
  }
  Response ask(const Request& request, bool done = false) {
    return run({.actor = "root", .source = "test"}, request, router.find(request.method, request.path), done);
  }
  std::string route_of(const char* method, const std::string& path) {
    return router.find(method, path).route ? json_of(ask(local(method, path))).value("route", "refused") : "";
  }

  Error error{};
  Router router;
};

TEST_F(RouterTest, FindsTheRoomsRoutesByMethodAndPath) {
  EXPECT_EQ(route_of("GET", "/api/v1/accounts"), "list");
  EXPECT_EQ(route_of("GET", kBob), "show");
  EXPECT_EQ(route_of("PATCH", kBob), "change");
  EXPECT_EQ(route_of("POST", "/api/v1/accounts/bob/suspend"), "suspend");
  EXPECT_EQ(route_of("POST", "/api/v1/lost-accounts/confirm"), "confirm");
  EXPECT_EQ(json_of(ask(local("GET", kBob)))["name"], "bob");
}

TEST_F(RouterTest, AStarIsOnePieceOfThePath) {
  for (const char* path :
       {"/", "", "/api/v1/accounts/", "/api/v1/accounts/bob/", "/api/v1/accounts/bob/suspend/now",
        "/api/v1/accounts/bob/x/suspend", "/api/v1/account", "//api/v1/accounts", "/api/v1/accounts/bob/Suspend"}) {
    const Found found = router.find("POST", path);
    EXPECT_EQ(found.route, nullptr) << path;
    EXPECT_EQ(found.allowed, std::string(path) == "/api/v1/accounts/" ? "GET, HEAD, PATCH" : "") << path;
  }
  EXPECT_EQ(field_of(ask(local("GET", "/api/v1/accounts/"))), "name") << "an empty name is none";
}

TEST_F(RouterTest, AnotherMethodIsToldWhichAreAllowed) {
  for (const char* method : {"PUT", "POST", "DELETE", "get", ""}) {
    const Found found = router.find(method, kBob);
    EXPECT_EQ(found.route, nullptr) << method;
    EXPECT_EQ(found.allowed, "GET, HEAD, PATCH") << method;
  }
  EXPECT_EQ(router.find("GET", "/api/v1/accounts/bob/suspend").allowed, "POST");
}

TEST_F(RouterTest, HeadIsGetAndNothingElse) {
  EXPECT_EQ(router.find("HEAD", kBob).route, router.find("GET", kBob).route);
  EXPECT_EQ(ask(local("HEAD", kBob)).body, ask(local("GET", kBob)).body);
  const Found none = router.find("HEAD", "/api/v1/accounts/bob/suspend");
  EXPECT_EQ(none.route, nullptr);
  EXPECT_EQ(none.allowed, "POST");
}

TEST_F(RouterTest, TheNamesOfAccountsAndTokensAreCheckedBeforeTheirRoutes) {
  for (const char* path : {"/api/v1/accounts/-bob", "/api/v1/accounts/b%2Eob", "/api/v1/tokens/A"})
    EXPECT_EQ(field_of(ask(local("GET", path))), "name") << path;
  EXPECT_EQ(field_of(ask(local("POST", "/api/v1/lost-accounts/-bob/adopt"))), "name");
  EXPECT_EQ(route_of("GET", "/api/v1/features/-A"), "feature") << "whatever it is, the room knows it";
}

TEST_F(RouterTest, QueriesAreDecodedBeforeTheirRoutes) {
  EXPECT_EQ(json_of(ask(local("GET", "/api/v1/accounts?after=a%2Eb")))["query"]["after"], "a.b");
  EXPECT_EQ(field_of(ask(local("GET", "/api/v1/accounts?after=%zz"))), "after");
}

TEST_F(RouterTest, ErrorsBecomeStatuses) {
  const std::pair<int, int> rows[] = {{EINVAL, 400}, {EACCES, 403}, {ENOENT, 404}, {EEXIST, 409}, {EBUSY, 409},
                                      {ESRCH, 422},  {EPERM, 422},  {ENOSPC, 503}, {0, 503}};
  for (const auto& [code, status] : rows) {
    error = {.text = "no", .code = code, .field = "pid"};
    const Response refused = ask(local("POST", "/api/v1/accounts/no/suspend"));
    EXPECT_EQ(refused.status, status) << code;
    EXPECT_EQ(field_of(refused), "pid");
    EXPECT_EQ(refused.content_type, "application/problem+json");
  }
  for (const int code : {EINVAL, EACCES, ESRCH, EPERM, ENOMEM}) {
    error = {.text = "update BPF map np_smtp_limit", .code = code, .field = {}};
    EXPECT_EQ(ask(local("POST", "/api/v1/accounts/no/suspend")).status, 503)
        << code << ": the kernel has refused, and the client asked for nothing wrong";
  }
}

// An agent that ended before it had answered made the change.
TEST_F(RouterTest, WhatIsDoneIsAnsweredByTheRouteForThatOrMadeOnceMore) {
  const auto says = [](int status) {
    return [status](const Call&) -> Result<Response> { return Response{.status = status, .body = {}}; };
  };
  Router once;
  once.add({{.method = "POST", .path = "/a", .handler = says(201), .done = says(200)},
            {.method = "POST", .path = "/b", .handler = says(202)}});
  const auto status = [&](const char* path, bool done) {
    const Request request = local("POST", path);
    return run({.actor = "root", .source = "test"}, request, once.find("POST", path), done).status;
  };
  EXPECT_EQ(status("/a", false), 201);
  EXPECT_EQ(status("/a", true), 200);
  EXPECT_EQ(status("/b", true), 202);
}

}  // namespace
}  // namespace npanel
