// SPDX-License-Identifier: Apache-2.0
#include "mail/policy_request.h"

#include <gtest/gtest.h>

namespace npanel {
namespace {

// What Postfix 3.7 sends at the end of a message, shortened.
constexpr const char* kPostfix =
    "request=smtpd_access_policy\n"
    "protocol_state=END-OF-MESSAGE\n"
    "protocol_name=ESMTP\n"
    "client_address=127.0.0.1\n"
    "client_name=localhost\n"
    "client_port=40112\n"
    "server_address=127.0.0.1\n"
    "server_port=25\n"
    "helo_name=web1\n"
    "sender=info@example.com\n"
    "recipient=\n"
    "recipient_count=3\n"
    "queue_id=8D2F6120B5\n"
    "instance=1a2b.6566cd01.3c4d5.0\n"
    "size=12345\n"
    "sasl_username=bob\n"
    "encryption_keysize=256\n"
    "stress=\n";

TEST(PolicyRequest, TakesWhatPostfixSends) {
  const auto request = parse_policy_request(kPostfix);
  ASSERT_TRUE(request) << request.error().text;
  EXPECT_EQ(request->state, "END-OF-MESSAGE");
  EXPECT_EQ(request->sasl_username, "bob");
  EXPECT_EQ(request->sender, "info@example.com");
  EXPECT_EQ(request->message, "8D2F6120B5");
  EXPECT_EQ(request->recipients, 3U);
  EXPECT_EQ(request->bytes, 12345U);
  EXPECT_EQ(request->client_port, 40112);
  EXPECT_EQ(request->server_port, 25);
  EXPECT_EQ(request->uid, std::nullopt);
}

TEST(PolicyRequest, InstanceStandsInForAQueueIdThatIsNotThereYet) {
  const auto request =
      parse_policy_request("request=smtpd_access_policy\nprotocol_state=RCPT\nqueue_id=\ninstance=i.1\n");
  ASSERT_TRUE(request);
  EXPECT_EQ(request->message, "i.1");
}

TEST(PolicyRequest, TakesWhatOurEximRouterAsks) {
  const auto request = parse_policy_request(
      "request=smtpd_access_policy\nprotocol_state=EXPANDED\nqueue_id=1rABCD-0003Fk-2x\nrecipient=q u@y=z\n");
  ASSERT_TRUE(request);
  EXPECT_EQ(request->state, "EXPANDED");
  EXPECT_EQ(request->recipient, "q u@y=z");
}

TEST(PolicyRequest, TakesWhatOurEximLinesAdd) {
  const auto request =
      parse_policy_request("request=smtpd_access_policy\nuid=1001\ncwd=/home/bob\nscript=1001:mail.php\nsize=\n");
  ASSERT_TRUE(request);
  EXPECT_EQ(request->uid, 1001U);
  EXPECT_EQ(request->cwd, "/home/bob");
  EXPECT_EQ(request->script, "1001:mail.php");
}

TEST(PolicyRequest, ValueMayHoldAnEqualsSign) {
  const auto request = parse_policy_request("request=smtpd_access_policy\nsender=a=b@example.com\n");
  ASSERT_TRUE(request);
  EXPECT_EQ(request->sender, "a=b@example.com");
}

TEST(PolicyRequest, AttributeThatIsOfNoUseIsNotKnownAndVoidsNoOther) {
  const struct {
    const char* text;
    uint16_t client_port;
    uint32_t recipients;
    uint64_t bytes;
    std::optional<uid_t> uid;
  } rows[] = {
      {"client_port=unknown\nrecipient_count=2\nsize=7\n", 0, 2, 7, {}},
      {"client_port=65536\n", 0, 0, 0, {}},
      {"client_port=-1\n", 0, 0, 0, {}},
      {"client_port=25\nserver_port=unknown\n", 25, 0, 0, {}},
      {"recipient_count=unknown\nsize=9\n", 0, 0, 9, {}},
      {"recipient_count=1000001\n", 0, 1'000'000, 0, {}},
      {"recipient_count=99999999999999999999999\n", 0, 1'000'000, 0, {}},
      {"size=-1\nrecipient_count=3\n", 0, 3, 0, {}},
      {"size=1e3\n", 0, 0, 0, {}},
      {"size=99999999999999999999999\n", 0, 0, 1ULL << 50, {}},
      {"uid=root\n", 0, 0, 0, {}},
      {"uid=4294967295\n", 0, 0, 0, {}},
      {"uid=4294967294\n", 0, 0, 0, 4294967294},
  };
  for (const auto& row : rows) {
    const auto request =
        parse_policy_request(std::string("request=smtpd_access_policy\nsasl_username=bob\n") + row.text);
    ASSERT_TRUE(request) << row.text << request.error().text;
    EXPECT_EQ(request->sasl_username, "bob");
    EXPECT_EQ(request->client_port, row.client_port) << row.text;
    EXPECT_EQ(request->recipients, row.recipients) << row.text;
    EXPECT_EQ(request->bytes, row.bytes) << row.text;
    EXPECT_EQ(request->uid, row.uid) << row.text;
  }
}

// What is cut off could be somebody else's name, and what is left out nobody's.
TEST(PolicyRequest, OverlongTextsStayAsTheyAre) {
  const std::string login = std::string(300, 'x') + "@bob.example" + std::string(300, 'x');
  const auto request = parse_policy_request("request=smtpd_access_policy\nsasl_username=" + login + "\n");
  ASSERT_TRUE(request);
  EXPECT_EQ(request->sasl_username, login);
}

TEST(PolicyRequest, RefusesWhatIsNoQuestion) {
  for (const std::string& text :
       {std::string(), std::string("protocol_state=RCPT\n"), std::string("request=other\n"),
        std::string("request=smtpd_access_policy\nnonsense\n"), std::string("request=smtpd_access_policy\n=x\n"),
        std::string("request=smtpd_access_policy\nsender=a\0b\n", 39)}) {
    const auto request = parse_policy_request(text);
    ASSERT_FALSE(request) << text;
    EXPECT_EQ(request.error().field, "request") << text;
  }
}

}  // namespace
}  // namespace npanel
