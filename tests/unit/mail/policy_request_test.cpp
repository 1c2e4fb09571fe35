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

TEST(PolicyRequest, RefusesWhatIsNoneAndNamesTheAttribute) {
  const struct {
    std::string text;
    std::string field;
  } rows[] = {
      {"", "request"},
      {"protocol_state=RCPT\n", "request"},
      {"request=other\n", "request"},
      {"request=smtpd_access_policy\nnonsense\n", "request"},
      {"request=smtpd_access_policy\n=x\n", "request"},
      {"request=smtpd_access_policy\nsize=-1\n", "size"},
      {"request=smtpd_access_policy\nsize=1e3\n", "size"},
      {"request=smtpd_access_policy\nrecipient_count=1000001\n", "recipient_count"},
      {"request=smtpd_access_policy\nclient_port=65536\n", "client_port"},
      {"request=smtpd_access_policy\nuid=4294967295\n", "uid"},
      {"request=smtpd_access_policy\nuid=root\n", "uid"},
      {"request=smtpd_access_policy\nqueue_id=" + std::string(257, 'x') + "\n", "queue_id"},
      {"request=smtpd_access_policy\nsender=" + std::string(4097, 'x') + "\n", "sender"},
      {std::string("request=smtpd_access_policy\nsender=a\0b\n", 39), "request"},
  };
  for (const auto& row : rows) {
    const auto request = parse_policy_request(row.text);
    ASSERT_FALSE(request) << row.text;
    EXPECT_EQ(request.error().field, row.field) << row.text;
  }
}

}  // namespace
}  // namespace npanel
