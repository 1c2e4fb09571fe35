// SPDX-License-Identifier: Apache-2.0
#include "unit/api/visit.h"

namespace npanel {
namespace {

constexpr const char* kMail = "/api/v1/accounts/bob/mail";
constexpr const char* kRaise = "/api/v1/accounts/bob/mail/raise";

class MailRoutes : public Visit {
 protected:
  static MailStatus bob() {
    MailStatus status{.account = "bob", .mode = FeatureMode::enforce, .free_in_s = 600};
    status.figures.sent[NP_MAIL_HOUR] = {.messages = 500, .recipients = 700, .bytes = 9000};
    status.figures.count.deferred = 7;
    status.figures.open = 2;
    status.refusals = {{.id = 9, .at_ms = 1, .account = "bob", .kind = "mail_deferred", .detail = R"({"count":7})"}};
    return status;
  }
};

TEST_F(MailRoutes, SaysWhatWasSentWhatIsLimitedAndWhoWasRefused) {
  service.mails = {bob()};
  const Json body = json_of(get(kMail));
  EXPECT_EQ(body["sent"]["messages_per_hour"], 500);
  EXPECT_EQ(body["sent"]["recipients_per_hour"], 700);
  EXPECT_EQ(body["sent"]["connections"], 2);
  EXPECT_EQ(body["limits"]["messages_per_hour"], 500);
  EXPECT_EQ(body["free_in_seconds"], 600);
  EXPECT_EQ(body["deferred"], 7);
  EXPECT_EQ(body["refusals"][0]["detail"]["count"], 7);
}

TEST_F(MailRoutes, TopHasAsManyAsAreWantedAndNoRefusals) {
  service.mails = {bob(), bob(), bob()};
  EXPECT_EQ(json_of(get("/api/v1/mail"))["accounts"].size(), 3U);
  const Json two = json_of(get("/api/v1/mail?limit=2"));
  EXPECT_EQ(two["accounts"].size(), 2U);
  EXPECT_FALSE(two["accounts"][0].contains("refusals"));
  EXPECT_EQ(get("/api/v1/mail?limit=0").status, 400);
}

TEST_F(MailRoutes, MailOfNoAccountIsShownWithWhoSentIt) {
  service.unattributed.mode = FeatureMode::enforce;
  service.unattributed.figures.sent[NP_MAIL_HOUR] = {.messages = 500, .recipients = 700, .bytes = 9000};
  service.unattributed.figures.count.deferred = 7;
  service.unattributed.free_in_s = 600;
  service.unattributed.counts[static_cast<size_t>(Nobody::login)][static_cast<size_t>(NobodyAnswer::deferred)] = 7;
  service.unattributed.newest = {{.why = Nobody::login,
                                  .login = "scanner\xff",
                                  .client = "192.0.2.9",
                                  .messages = 3,
                                  .deferred = 7,
                                  .last_ms = 1}};
  const Json body = json_of(get("/api/v1/mail/unattributed"));
  EXPECT_EQ(body["mode"], "enforce");
  EXPECT_EQ(body["limits"]["messages_per_hour"], 500);
  EXPECT_FALSE(body["limits"].contains("connections"));
  EXPECT_EQ(body["sent"]["recipients_per_hour"], 700);
  EXPECT_EQ(body["free_in_seconds"], 600);
  EXPECT_EQ(body["deferred"], 7);
  EXPECT_EQ(body["messages"]["login"]["deferred"], 7);
  EXPECT_EQ(body["messages"]["outside"]["passed"], 0);
  EXPECT_EQ(body["senders"][0]["login"], "scanner\xef\xbf\xbd");
  EXPECT_EQ(body["senders"][0]["deferred"], 7);
  EXPECT_TRUE(body["senders"][0]["uid"].is_null());
  EXPECT_NE(body["senders"][0]["remedy"].get<std::string>().find("mail.users_map"), std::string::npos);
}

TEST_F(MailRoutes, UnclearAnswersAndFindingsAreShown) {
  service.unclear = {.count = 7,
                     .newest = {{.account = "bob",
                                 .server = "mx.y.example",
                                 .stage = Stage::rcpt,
                                 .code = 550,
                                 .status = "5.7.1",
                                 .text = "h\xff",
                                 .count = 7,
                                 .last_ms = 1}}};
  service.findings = {{.trouble = Trouble::reputation,
                       .since_ms = 1,
                       .senders = 20,
                       .recipients = 500,
                       .destinations = {"y.example"},
                       .example = {.answer = "554 blocked"}}};
  const Json unclear = json_of(get("/api/v1/mail/unclear"));
  EXPECT_EQ(unclear["count"], 7);
  EXPECT_EQ(unclear["answers"][0]["stage"], "rcpt");
  EXPECT_EQ(unclear["answers"][0]["text"], "h\xef\xbf\xbd");
  const Json finding = json_of(get("/api/v1/mail/findings"))["findings"][0];
  EXPECT_EQ(finding["trouble"], "reputation");
  EXPECT_EQ(finding["accounts"], 20);
  EXPECT_NE(finding["remedy"].get<std::string>().find("list"), std::string::npos);
}

TEST_F(MailRoutes, WhyHasOutcomesAndExamples) {
  MailStatus status = bob();
  status.figures.deliveries[Outcome::content] = 5;
  status.throttle = MailThrottle{.cause = ThrottleCause::content, .percent = 50, .until_ms = 1};
  status.examples = {{.outcome = Outcome::content, .domain = "y.example", .answer = "550 spam"}};
  service.mails = {status};
  const Json body = json_of(get(kMail));
  EXPECT_EQ(body["deliveries"]["content"], 5);
  EXPECT_EQ(body["throttle"]["cause"], "content");
  EXPECT_FALSE(body["throttle"]["advice"].get<std::string>().empty());
  EXPECT_EQ(body["examples"][0]["answer"], "550 spam");
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
  service.enable(NP_EMAIL_RATE_LIMITING, {.enabled = false});
  EXPECT_EQ(get(kMail).status, 403);
  EXPECT_EQ(get("/api/v1/mail").status, 403);
  EXPECT_EQ(get("/api/v1/mail/unattributed").status, 403);
  EXPECT_EQ(post(kRaise, "{}").status, 403);
}

}  // namespace
}  // namespace npanel
