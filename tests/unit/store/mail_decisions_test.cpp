// SPDX-License-Identifier: Apache-2.0
#include "store/mail_decisions.h"

#include <SQLiteCpp/Statement.h>
#include <gtest/gtest.h>

#include "store/store.h"
#include "support/temp_dir.h"

namespace npanel {
namespace {

constexpr MailDecisions kThrottled{
    .throttle = MailThrottle{.cause = ThrottleCause::deferred, .percent = 70, .until_ms = 5},
    .noticed_ms = 7,
    .dns_noticed_ms = 8};

class MailDecisionsTest : public testing::Test {
 protected:
  const TempDir dir_;
  Store store_ = Store::open(dir_.path("npanel.db")).value();
};

TEST_F(MailDecisionsTest, IsWhatItWasAfterARestart) {
  ASSERT_TRUE(store_.put("bob", kThrottled, {}));
  ASSERT_TRUE(store_.put("eve", MailDecisions{.throttle = {}, .noticed_ms = 9}, {}));
  Store again = Store::open(dir_.path("npanel.db")).value();
  const StoredMailDecisions decisions = again.mail_decisions().value();
  EXPECT_EQ(decisions.at("bob"), kThrottled);
  EXPECT_EQ(decisions.at("eve"), (MailDecisions{.throttle = {}, .noticed_ms = 9}));
  ASSERT_TRUE(again.put("bob", MailDecisions{.throttle = {}, .noticed_ms = 7}, {}));
  EXPECT_FALSE(again.mail_decisions().value().at("bob").throttle);
}

TEST_F(MailDecisionsTest, GoesWithItsAccount) {
  ASSERT_TRUE(store_.put(Account{.name = "bob"}, {}));
  ASSERT_TRUE(store_.put("bob", kThrottled, {}));
  ASSERT_TRUE(store_.erase("bob", {}));
  EXPECT_TRUE(store_.mail_decisions().value().empty());
}

TEST_F(MailDecisionsTest, ARowThatIsNotOursThrottlesNobody) {
  SQLite::Database database(dir_.path("npanel.db"), SQLite::OPEN_READWRITE);
  database.exec("INSERT INTO mail_decision VALUES ('bob', 'because', 20, 5, 0, 0), ('eve', 'deferrals', -1, 5, 0, 0)");
  const StoredMailDecisions decisions = store_.mail_decisions().value();
  EXPECT_FALSE(decisions.at("bob").throttle);
  EXPECT_FALSE(decisions.at("eve").throttle);
}

}  // namespace
}  // namespace npanel
