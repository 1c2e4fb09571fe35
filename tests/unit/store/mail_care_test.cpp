// SPDX-License-Identifier: Apache-2.0
#include "store/mail_care.h"

#include <SQLiteCpp/Statement.h>
#include <gtest/gtest.h>

#include "store/store.h"
#include "support/temp_dir.h"

namespace npanel {
namespace {

constexpr MailCare kThrottled{.throttle = MailThrottle{.cause = ThrottleCause::deferred, .percent = 70, .until_ms = 5},
                              .noticed_ms = 7,
                              .dns_noticed_ms = 8};

class MailCareTest : public testing::Test {
 protected:
  const TempDir dir_;
  Store store_ = Store::open(dir_.path("npanel.db")).value();
};

TEST_F(MailCareTest, IsWhatItWasAfterARestart) {
  ASSERT_TRUE(store_.put("bob", kThrottled, {}));
  ASSERT_TRUE(store_.put("eve", MailCare{.throttle = {}, .noticed_ms = 9}, {}));
  Store again = Store::open(dir_.path("npanel.db")).value();
  const StoredCare care = again.mail_care().value();
  EXPECT_EQ(care.at("bob"), kThrottled);
  EXPECT_EQ(care.at("eve"), (MailCare{.throttle = {}, .noticed_ms = 9}));
  ASSERT_TRUE(again.put("bob", MailCare{.throttle = {}, .noticed_ms = 7}, {}));
  EXPECT_FALSE(again.mail_care().value().at("bob").throttle);
}

TEST_F(MailCareTest, GoesWithItsAccount) {
  ASSERT_TRUE(store_.put(Account{.name = "bob"}, {}));
  ASSERT_TRUE(store_.put("bob", kThrottled, {}));
  ASSERT_TRUE(store_.erase("bob", {}));
  EXPECT_TRUE(store_.mail_care().value().empty());
}

TEST_F(MailCareTest, ARowThatIsNotOursThrottlesNobody) {
  SQLite::Database database(dir_.path("npanel.db"), SQLite::OPEN_READWRITE);
  database.exec("INSERT INTO mail_care VALUES ('bob', 'because', 20, 5, 0, 0), ('eve', 'deferrals', -1, 5, 0, 0)");
  const StoredCare care = store_.mail_care().value();
  EXPECT_FALSE(care.at("bob").throttle);
  EXPECT_FALSE(care.at("eve").throttle);
}

}  // namespace
}  // namespace npanel
