// SPDX-License-Identifier: Apache-2.0
#include "base/clock.h"
#include "unit/api/visit.h"

namespace npanel {
namespace {

constexpr const char* kMail = "/api/v1/accounts/bob/mail";
constexpr const char* kRaise = "/api/v1/accounts/bob/mail/raise";

class MailRoutes : public Visit {};

// How the figures look is encode_test's; without a kernel nothing was sent.
TEST_F(MailRoutes, AnAccountsMailIsShownWithWhoWasRefusedTheNewestFirst) {
  Notes notes;
  for (int i = 1; i <= 12; ++i)
    notes.events.push_back(
        {.at_ms = i, .account = "bob", .kind = "mail_deferred", .detail = Json{{"count", i}}.dump()});
  notes.events.push_back({.at_ms = 13, .account = "bob", .kind = "resumed", .detail = "{}"});
  ASSERT_TRUE(Store::open(directory.path("npanel.db"))->append(notes));
  const Json body = json_of(get(kMail));
  EXPECT_EQ(body["name"], "bob");
  EXPECT_EQ(body["mode"], "enforce");
  EXPECT_EQ(body["sent"]["messages_per_hour"], 0);
  EXPECT_EQ(body["limits"]["messages_per_hour"], 500);
  ASSERT_EQ(body["refusals"].size(), 10U);
  EXPECT_EQ(body["refusals"][0]["kind"], "mail_deferred");
  EXPECT_EQ(body["refusals"][0]["detail"]["count"], 12);
  EXPECT_EQ(body["examples"], Json::array());
  EXPECT_EQ(get("/api/v1/accounts/eve/mail").status, 404);
}

TEST_F(MailRoutes, AThrottleIsShownAndReleased) {
  const MailThrottle throttle{.cause = ThrottleCause::content, .percent = 50, .until_ms = now_ms() + 3'600'000};
  ASSERT_TRUE(Store::open(directory.path("npanel.db"))->put("bob", MailDecisions{.throttle = throttle}, {}));
  start();
  EXPECT_EQ(json_of(get(kMail))["throttle"]["cause"], "content");
  EXPECT_LT(json_of(get(kMail))["limits"]["messages_per_hour"], 500);
  EXPECT_EQ(ask(local("DELETE", "/api/v1/accounts/bob/mail/throttle")).status, 200);
  EXPECT_TRUE(json_of(get(kMail))["throttle"].is_null());
  EXPECT_EQ(last_change().action, "account.mail_throttle");
}

TEST_F(MailRoutes, WhatNobodyHasSentIsShownAsNothing) {
  EXPECT_EQ(json_of(get("/api/v1/mail")), Json::parse(R"({"accounts":[]})"));
  EXPECT_EQ(get("/api/v1/mail?limit=0").status, 400);
  EXPECT_EQ(json_of(get("/api/v1/mail/unattributed"))["mode"], "enforce");
  EXPECT_EQ(json_of(get("/api/v1/mail/unattributed"))["senders"], Json::array());
  EXPECT_EQ(json_of(get("/api/v1/mail/unclear")), Json::parse(R"({"count":0,"answers":[]})"));
  EXPECT_EQ(json_of(get("/api/v1/mail/findings")), Json::parse(R"({"findings":[]})"));
}

TEST_F(MailRoutes, ARaiseIsMadeShownAndEnded) {
  const Response raised = ask(local("POST", kRaise, R"({"messages_per_hour":2000,"seconds":7200})"));
  EXPECT_EQ(raised.status, 200);
  EXPECT_EQ(json_of(raised)["raise"]["messages_per_hour"], 2000);
  EXPECT_NE(header_of(raised, "ETag"), "");
  EXPECT_TRUE(json_of(ask(local("DELETE", kRaise)))["raise"].is_null());
}

TEST_F(MailRoutes, WrongRaisesNameTheField) {
  const struct {
    const char* body;
    const char* field;
  } rows[] = {{R"({"seconds":60})", "messages_per_hour"},
              {R"({"messages_per_hour":2000})", "seconds"},
              {R"({"messages_per_hour":2000,"seconds":59})", "seconds"},
              {R"({"messages_per_hour":2000,"seconds":604801})", "seconds"},
              {R"({"messages_per_hour":"many","seconds":60})", "messages_per_hour"},
              {R"({"messages_per_hour":400,"seconds":60})", "messages_per_hour"},
              {R"({"messages_per_hour":2000,"seconds":60,"x":1})", "x"},
              {"[]", "body"}};
  for (const auto& row : rows) {
    const Response answer = post(kRaise, row.body);
    EXPECT_EQ(answer.status, 400) << row.body;
    EXPECT_EQ(field_of(answer), row.field) << row.body;
  }
}

TEST_F(MailRoutes, AnAccountIsMadeAndChangedWithMailLimits) {
  const Response made =
      ask(local("POST", "/api/v1/accounts", R"({"name":"ann","mail":{"messages_per_hour":7,"bytes_per_hour":null}})"));
  EXPECT_EQ(made.status, 201);
  EXPECT_EQ(json_of(made)["mail"]["messages_per_hour"], 7);
  EXPECT_TRUE(json_of(made)["mail"]["bytes_per_hour"].is_null());
  EXPECT_EQ(json_of(made)["mail"]["connections"], 10);
  const Response wrong = ask(local("PATCH", "/api/v1/accounts/bob", R"({"mail":{"connections":0}})"));
  EXPECT_EQ(field_of(wrong), "mail.connections");
  EXPECT_EQ(field_of(ask(local("PATCH", "/api/v1/accounts/bob", R"({"mail":{"messages":1}})"))), "mail.messages");
  EXPECT_EQ(json_of(ask(local("PATCH", "/api/v1/accounts/bob",
                              R"({"mail":{"messages_per_day":9}})")))["mail"]["messages_per_day"],
            9);
}

TEST_F(MailRoutes, AreShutWithTheFeature) {
  turn(NP_EMAIL_RATE_LIMITING, false);
  EXPECT_EQ(get(kMail).status, 403);
  EXPECT_EQ(get("/api/v1/mail").status, 403);
  EXPECT_EQ(get("/api/v1/mail/unattributed").status, 403);
  EXPECT_EQ(post(kRaise, "{}").status, 403);
}

}  // namespace
}  // namespace npanel
