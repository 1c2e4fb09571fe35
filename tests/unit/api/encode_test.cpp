// SPDX-License-Identifier: Apache-2.0
// How does what only goes out look as JSON?
#include <gtest/gtest.h>

#include "api/codec.h"

namespace npanel {
namespace {

MailStatus bob() {
  MailStatus status{.account = "bob", .mode = FeatureMode::enforce, .free_in_s = 600};
  status.figures.sent[NP_MAIL_HOUR] = {.messages = 500, .recipients = 700, .bytes = 9000};
  status.figures.count.deferred = 7;
  status.figures.open = 2;
  status.refusals = {{.id = 9, .at_ms = 1, .account = "bob", .kind = "mail_deferred", .detail = R"({"count":7})"}};
  return status;
}

TEST(Encode, MailSaysWhatWasSentAndWhatIsLimited) {
  const Json body = encode(bob());
  EXPECT_EQ(body["name"], "bob");
  EXPECT_EQ(body["mode"], "enforce");
  EXPECT_EQ(body["sent"]["messages_per_hour"], 500);
  EXPECT_EQ(body["sent"]["recipients_per_hour"], 700);
  EXPECT_EQ(body["sent"]["connections"], 2);
  EXPECT_EQ(body["limits"]["messages_per_hour"], 500);
  EXPECT_EQ(body["free_in_seconds"], 600);
  EXPECT_EQ(body["deferred"], 7);
  EXPECT_FALSE(body.contains("refusals")) << "they are shown of one account alone";
  MailStatus never = bob();
  never.free_in_s.reset();
  EXPECT_TRUE(encode(never)["free_in_seconds"].is_null());
}

TEST(Encode, ARefusalSaysWhatItWasAbout) {
  const Json refusal = encode(bob().refusals.front());
  EXPECT_EQ(refusal["kind"], "mail_deferred");
  EXPECT_EQ(refusal["account"], "bob");
  EXPECT_EQ(refusal["time"], "1970-01-01T00:00:00.001Z");
  EXPECT_EQ(refusal["detail"]["count"], 7);
}

TEST(Encode, AnEventWhoseDetailIsDamagedHasNone) {
  EXPECT_TRUE(encode(Event{.kind = "suspended", .detail = "{"})["detail"].is_null());
}

TEST(Encode, MailSaysWhyItIsThrottledAndWhatBecameOfIt) {
  MailStatus status = bob();
  status.figures.deliveries[Outcome::content] = 5;
  status.throttle = MailThrottle{.cause = ThrottleCause::content, .percent = 50, .until_ms = 1};
  const Json body = encode(status);
  EXPECT_EQ(body["deliveries"]["content"], 5);
  EXPECT_EQ(body["throttle"]["cause"], "content");
  EXPECT_FALSE(body["throttle"]["advice"].get<std::string>().empty());
  const Json example =
      encode(DeliveryExample{.outcome = Outcome::content, .domain = "y.example", .answer = "550 spam"});
  EXPECT_EQ(example, Json::parse(R"({"outcome":"content","domain":"y.example","answer":"550 spam"})"));
}

TEST(Encode, MailOfNoAccountSaysWhoSentIt) {
  UnattributedMail mail{.mode = FeatureMode::enforce, .free_in_s = 600};
  mail.figures.sent[NP_MAIL_HOUR] = {.messages = 500, .recipients = 700, .bytes = 9000};
  mail.figures.count.deferred = 7;
  mail.counts[static_cast<size_t>(Nobody::login)][static_cast<size_t>(NobodyAnswer::deferred)] = 7;
  mail.newest = {{.why = Nobody::login,
                  .login = "scanner\xff",
                  .client = "192.0.2.9",
                  .messages = 3,
                  .deferred = 7,
                  .last_ms = 1}};
  const Json body = Json::parse(text_of(encode(mail)));
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

TEST(Encode, AnUnclearAnswerIsShownAsItCame) {
  const UnclearMail mail{.count = 7,
                         .newest = {{.account = "bob",
                                     .server = "mx.y.example",
                                     .stage = Stage::rcpt,
                                     .code = 550,
                                     .status = "5.7.1",
                                     .text = "h\xff",
                                     .count = 7,
                                     .last_ms = 1}}};
  const Json unclear = Json::parse(text_of(encode(mail)));
  EXPECT_EQ(unclear["count"], 7);
  EXPECT_EQ(unclear["answers"][0]["stage"], "rcpt");
  EXPECT_EQ(unclear["answers"][0]["text"], "h\xef\xbf\xbd");
}

TEST(Encode, AFindingSaysWhatTheAdministratorDoes) {
  const Json finding = encode(MailFinding{.trouble = Trouble::reputation,
                                          .since_ms = 1,
                                          .senders = 20,
                                          .recipients = 500,
                                          .destinations = {"y.example"},
                                          .example = {.answer = "554 blocked"}});
  EXPECT_EQ(finding["trouble"], "reputation");
  EXPECT_EQ(finding["accounts"], 20);
  EXPECT_EQ(finding["answer"], "554 blocked");
  EXPECT_NE(finding["remedy"].get<std::string>().find("list"), std::string::npos);
}

TEST(Encode, AFeatureSaysWhatItCosts) {
  FeatureView view{.feature = NP_EMAIL_RATE_LIMITING, .state = {.enabled = true}, .accounts_on = 3};
  EXPECT_TRUE(encode(view)["cost"].is_null()) << "not known yet";
  view.cost = FeatureCost{.kernel_percent = std::nullopt, .agent_percent = 0.5, .memory_bytes = 4096};
  view.shed = 1;
  const Json json = encode(view);
  EXPECT_EQ(json["cost"], Json::parse(R"({"kernel_percent":null,"agent_percent":0.5,"memory_bytes":4096})"));
  EXPECT_EQ(json["shed"], 1);
  EXPECT_EQ(json["accounts_on"], 3);
  EXPECT_EQ(json["modes"], Json::parse(R"(["observe","enforce"])"));
}

TEST(Encode, ALossSaysWhatTheKernelHoldsAndUnderWhichName) {
  const Json lost =
      encode(LostAccounts{.loss = AccountLoss{.found_ms = 0, .taken_over = false, .done = {"account bob …"}},
                          .held = {{.directory = "ann"},
                                   {.directory = "shop%2Eexample", .smtp = SmtpLimit{}, .mail = MailLimits{}},
                                   {.directory = "with.dot"}}});
  EXPECT_EQ(lost["lost"], true);
  EXPECT_EQ(lost["found"], "1970-01-01T00:00:00.000Z");
  EXPECT_EQ(lost["taken_over"], false);
  EXPECT_EQ(lost["done"], Json::array({"account bob …"}));
  EXPECT_EQ(lost["held"][0]["name"], "ann");
  EXPECT_EQ(lost["held"][0]["smtp"], nullptr);
  EXPECT_EQ(lost["held"][1]["name"], "shop.example");
  EXPECT_EQ(lost["held"][1]["smtp"]["per_minute"], 30);
  EXPECT_EQ(lost["held"][2]["name"], nullptr);
}

}  // namespace
}  // namespace npanel
